"""What a hostile or clumsy client sends to any route: each has its status and its problem, and none is a 500.

The routes, params and fields are those of the OpenAPI document, so a new one is tried by itself. Where each kind of
bad input is tried, all under tests/:

| what | where |
|---|---|
| tokens: missing, expired, foreign, `alg: none`, HS with the public key, wrong audience, unknown key | e2e/test_bad_tokens.py |
| tokens of a changed password, a disabled account; refresh tokens used twice | e2e/test_accounts.py |
| every route asked by everybody | e2e/test_permissions.py |
| another account's id in paths, queries and bodies | test_what_is_anothers_is_told_like_what_does_not_exist |
| names of accounts | e2e/test_accounts.py |
| names of files | e2e/test_bad_uploads.py, ingest/test_filenames.py |
| titles, tags, captions, names of keys and algorithms | test_a_name_that_nobody_can_read_is_refused |
| ids that are no ids | e2e/test_error_shape.py; in bodies: test_an_id_in_a_body_that_is_no_id_is_not_found |
| huge JSON, deep JSON, no JSON | test_a_body_that_is_no_reasonable_json_is_refused |
| wrong types, NUL, half characters | test_a_field_of_a_wrong_type_is_refused_by_its_name |
| unknown fields | test_an_unknown_field_is_refused_by_its_name |
| uploads: bombs, wrong lengths, trickles, broken forms | e2e/test_bad_uploads.py, ingest/test_headers.py |
| uploads past the API | e2e/test_direct_uploads.py |
| addresses: user info, ports, `file:`, octal, decimal, hex, mapped | e2e/test_fetching.py, adapters/test_outbound_target.py |
| servers: redirect loops, HTML, endless, trickling, wrong lengths, compressed | e2e/test_bad_servers.py, adapters/test_outbound.py |
| likes and follows of what is gone | test_nothing_is_done_to_a_post_that_is_gone, e2e/test_sharing.py |
| stale and missing If-Match | test_a_change_says_which_version_it_is_of |
| cursors that were tampered with | test_a_cursor_that_was_tampered_with_is_refused, query/test_cursors.py |
| params outside the algorithm's schema | test_params_outside_an_algorithms_schema_are_refused |
| whatever else | e2e/test_hostile_walk.py, and schemathesis in e2e/test_error_shape.py |
"""  # noqa: E501

import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from tests.described import GHOST, Operation, document, kinds, operations
from tests.e2e.crowd import People, belongings, ghosts, made, people
from tests.e2e.test_error_shape import is_problem
from tests.pictures import photograph
from tests.query.world import World, world
from tests.running import Stack

DOCUMENT = document()
OPERATIONS = list(operations(DOCUMENT))
TAKING_JSON = [one for one in OPERATIONS if one.fields]
OF_PRIVATE_THINGS = [
    one for one in OPERATIONS if any(name.endswith("_id") and name != "post_id" for name in one.params["path"])
]
NAMES = [one.name for one in TAKING_JSON]
VALUES: dict[str, Any] = {
    "string": "x",
    "integer": 7,
    "number": 1.5,
    "boolean": True,
    "array": [],
    "object": {"a": 1},
    "null": None,
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(stack: Stack) -> AsyncIterator[World]:
    async with world(stack) as one:
        yield one


@pytest.fixture(scope="module")
def everyone(served: World) -> Iterator[People]:
    with people(served) as one:
        yield one


@pytest.fixture(scope="module")
def alice(everyone: People) -> httpx.Client:
    return everyone.somebody("alice")


@pytest.fixture(scope="module")
def bob(everyone: People) -> httpx.Client:
    return everyone.somebody("bob")


@pytest.fixture(scope="module")
def admin(everyone: People) -> httpx.Client:
    return everyone.admin()


@pytest.fixture(scope="module")
def hers(alice: httpx.Client) -> dict[str, str]:
    return belongings(alice, "alice")


def test_every_test_of_the_table_is_there() -> None:
    here, tests = Path(__file__).read_text(), Path(__file__).parents[1]
    for name in re.findall(r"\btest_\w+\b(?!\.py)", __doc__ or ""):
        assert f"def {name}(" in here, name
    for path in re.findall(r"\w+/test_\w+\.py", __doc__ or ""):
        assert (tests / path).exists(), path


# Ids.


def told(answer: httpx.Response) -> dict[str, Any]:
    """All of a problem but what names the request and the id that was asked for."""
    found = {name: value for name, value in answer.json().items() if name not in ("request_id", "instance")}
    return found | {"detail": re.sub(r"[0-9a-f-]{36}", "<id>", found["detail"])}


@pytest.mark.parametrize(
    "operation", [one for one in OF_PRIVATE_THINGS if not one.path.startswith("/v1/admin/")], ids=lambda one: one.name
)
def test_what_is_anothers_is_told_like_what_does_not_exist(
    operation: Operation, bob: httpx.Client, hers: dict[str, str]
) -> None:
    parts: dict[str, Any] = {"headers": {"If-Match": "*"}}
    if operation.fields:
        parts["json"] = {}
    elif operation.path.endswith("/content") and operation.method == "PUT":
        parts["content"] = photograph(30, 20, seed=5)
    answers = [bob.request(operation.method, operation.at(known), **parts) for known in (hers, ghosts(hers))]
    if 422 not in (answers[0].status_code, answers[1].status_code):
        is_problem(answers[0], 404, "not-found")
    assert told(answers[0]) == told(answers[1])


def test_what_is_anothers_is_told_like_what_does_not_exist_in_queries_and_bodies(
    bob: httpx.Client, hers: dict[str, str]
) -> None:
    for image_id in (hers["image_id"], GHOST, "fake", "9999", "", "a\0b", "ü" * 50):
        for answer in (
            bob.post("/v1/jobs", json={"image_id": image_id, "algorithm": "hash"}),
            bob.post("/v1/posts", json={"image_id": image_id}),
            bob.get("/v1/images", params={"near": image_id}) if image_id else None,
        ):
            if answer:
                is_problem(answer, 404, "not-found")


def test_an_idempotency_key_of_another_account_is_another_key(alice: httpx.Client, bob: httpx.Client) -> None:
    for person in (alice, bob):
        body, headers = {"name": "same", "scopes": ["images:read"]}, {"Idempotency-Key": "the same"}
        assert person.post("/v1/me/api-keys", json=body, headers=headers).status_code == 201
        picture = {"file": ("a.jpg", photograph(40, 30, seed=91))}
        answer = person.post("/v1/images", files=picture, headers=headers)
        assert (answer.status_code, answer.json()["owner"]) == (201, person.get("/v1/me").json()["username"])


def test_an_id_in_a_body_that_is_no_id_is_not_found(alice: httpx.Client) -> None:
    for no_id in ("fake", "9999", "'; DROP TABLE images --", "../..", "a" * 100, "٣" * 32 + "x"):
        is_problem(alice.post("/v1/posts", json={"image_id": no_id}), 404, "not-found")
        is_problem(alice.post("/v1/jobs", json={"image_id": no_id, "algorithm": "hash"}), 404, "not-found")
    is_problem(alice.post("/v1/posts", json={"image_id": "a" * 101}), 422, "invalid-request")


# Bodies.


def sent(http: httpx.Client, operation: Operation, known: dict[str, str], content: bytes) -> httpx.Response:
    headers = {"Content-Type": "application/json", "If-Match": "*"}
    return http.request(operation.method, operation.at(known), content=content, headers=headers)


def encoded(value: Any) -> bytes:
    """JSON as a clumsy client might write it, half characters included."""
    import json

    return json.dumps(value).encode()


UNREASONABLE = {
    "nothing": b"",
    "no JSON": b"{",
    "no text": b"\xff\xfe\xfd",
    "packed": b"\x1f\x8b\x08\x00\x00\x00\x00\x00",
    "a number of 5,000 digits": b'{"a": ' + b"9" * 5_000 + b"}",
    "a list": b"[]",
    "null": b"null",
    "text": b'"text"',
    "a number": b"5",
    "not finite": b"NaN",
    "deep, unclosed": b"[" * 100_000,
    "100,000 deep": b"[" * 100_000 + b"]" * 100_000,
    "500 deep": b'{"a":' * 500 + b"1" + b"}" * 500,
    "2 MB": b'{"a": "' + b"x" * 2_000_000 + b'"}',
    "50,000 fields": b"{" + b",".join(b'"%d":1' % number for number in range(50_000)) + b"}",
    "a field that is half a character": b'{"\\ud800": 1}',
}


@pytest.mark.parametrize("operation", TAKING_JSON, ids=NAMES)
def test_a_body_that_is_no_reasonable_json_is_refused(
    operation: Operation, admin: httpx.Client, hers: dict[str, str], subtests: pytest.Subtests
) -> None:
    for what, content in UNREASONABLE.items():
        if operation.bodiless and content in (b"", b"null"):
            continue
        with subtests.test(what):
            answer = sent(admin, operation, hers, content)
            is_problem(answer, answer.status_code)
            assert answer.status_code in ((413,) if what == "2 MB" else (400, 422)), answer.text[:300]
            assert len(answer.content) < 100_000


@pytest.mark.parametrize("operation", TAKING_JSON, ids=NAMES)
def test_an_unknown_field_is_refused_by_its_name(
    operation: Operation, admin: httpx.Client, hers: dict[str, str]
) -> None:
    for name in ("unknown", "__proto__", "id", "owner", "$where", "a/b~c", "ü"):
        answer = sent(admin, operation, hers, encoded({name: 1}))
        is_problem(answer, 422, "invalid-request")
        pointer = "/" + name.replace("~", "~0").replace("/", "~1")
        assert pointer in [one["pointer"] for one in answer.json()["errors"]]


@pytest.mark.parametrize(
    ("operation", "name"),
    [pytest.param(one, name, id=f"{one.name} {name}") for one in TAKING_JSON for name in one.fields],
)
def test_a_field_of_a_wrong_type_is_refused_by_its_name(
    operation: Operation, name: str, admin: httpx.Client, hers: dict[str, str]
) -> None:
    taken = kinds(operation.fields[name])
    taken |= {"integer"} if "number" in taken else set()
    for kind, value in VALUES.items():
        if taken and kind not in taken:
            answer = sent(admin, operation, hers, encoded({name: value}))
            is_problem(answer, 422)
            assert any(one["pointer"].startswith(f"/{name}") for one in answer.json()["errors"]), (kind, answer.text)
    if "string" in taken:
        for text in ("half \ud800", "\udfff", "nul \0"):
            answer = sent(admin, operation, hers, encoded({name: text}))
            is_problem(answer, answer.status_code)
            assert 400 <= answer.status_code < 500


@pytest.mark.parametrize("bad", ["", " ", "\t", "a\0b", "a\x1bb", "a\x7fb", "a\x85b", "x" * 501, "half \ud800"])
def test_a_name_that_nobody_can_read_is_refused(alice: httpx.Client, hers: dict[str, str], bad: str) -> None:
    image, post = f"/v1/images/{hers['image_id']}", f"/v1/posts/{hers['post_id']}"
    blank = not bad.strip()
    asked: list[tuple[str, str, Any]] = [
        ("POST", "/v1/me/api-keys", {"name": bad, "scopes": ["images:read"]}),
        ("PATCH", image, {"tags": [bad]}),
        ("POST", "/v1/jobs", {"image_id": hers["image_id"], "algorithm": bad}),
        ("POST", "/v1/accounts", {"username": bad, "email": "a@example.org", "password": "x" * 10}),
    ]
    if not blank:
        asked += [("PATCH", image, {"title": bad})]
    if not blank and len(bad) < 500:
        asked += [("PATCH", image, {"description": bad}), ("PATCH", post, {"caption": bad})]
    if blank or "\ud800" in bad:
        asked += [("PATCH", image, {"filename": bad})]
    for method, path, body in asked:
        headers = {"Content-Type": "application/json", "If-Match": "*"}
        is_problem(alice.request(method, path, content=encoded(body), headers=headers), 422, "invalid-request")


def test_names_in_any_script_are_taken(alice: httpx.Client, hers: dict[str, str]) -> None:
    body = {"title": "Zürich 日本語 🦊", "tags": ["été", "שלום"], "filename": "снимок.jpg", "description": "a\n\tb"}
    answer = alice.patch(f"/v1/images/{hers['image_id']}", json=body, headers={"If-Match": "*"})
    assert answer.status_code == 200
    assert {name: answer.json()[name] for name in body} == body


# Versions, pages, params, what is gone.


@pytest.mark.parametrize(
    "operation", [one for one in OPERATIONS if "if-match" in one.params["header"]], ids=lambda one: one.name
)
def test_a_change_says_which_version_it_is_of(operation: Operation, alice: httpx.Client, hers: dict[str, str]) -> None:
    parts: dict[str, Any] = {"json": {}} if operation.fields else {}
    if operation.method == "PUT":
        parts = {"content": photograph(30, 20, seed=6)}
    path = operation.at(hers)
    is_problem(alice.request(operation.method, path, **parts), 428, "version-required")
    for stale in ('"999"', '"0"', "1", '"x"', 'W/"1"', '"1", "2"', '""', "", '"' + "9" * 5_000 + '"', "'1'"):
        answer = alice.request(operation.method, path, headers={"If-Match": stale}, **parts)
        is_problem(answer, 412, "version-mismatch")


@pytest.mark.parametrize(
    "operation", [one for one in OPERATIONS if "cursor" in one.params["query"]], ids=lambda one: one.name
)
def test_a_cursor_that_was_tampered_with_is_refused(
    operation: Operation, alice: httpx.Client, admin: httpx.Client, hers: dict[str, str]
) -> None:
    path = operation.at(hers)
    for _ in range(2):
        made(alice.post("/v1/jobs", json={"image_id": hers["image_id"], "algorithm": "hash"}))
    asks = admin if path.startswith("/v1/admin/") else alice
    page = asks.get(path, params={"limit": 1})
    assert page.status_code == 200
    cursor = page.json()["next"] or "AAAA"
    other = alice.get("/v1/accounts" if path != "/v1/accounts" else "/v1/jobs", params={"limit": 1}).json()["next"]
    tampered = [cursor[:-2], cursor[1:], cursor.swapcase(), cursor + "AAAA", cursor[::-1], "x", "%00", "é", "=", other]
    for one in tampered:
        answer = asks.get(path, params={"limit": 1, "cursor": one})
        is_problem(answer, 422, "invalid-request")
        assert [error["pointer"] for error in answer.json()["errors"]] == ["/query/cursor"]
    is_problem(asks.get(path, params={"cursor": "A" * 1_001}), 422, "invalid-request")


def test_params_outside_an_algorithms_schema_are_refused(
    alice: httpx.Client, hers: dict[str, str], subtests: pytest.Subtests
) -> None:
    algorithms = [one for one in alice.get("/v1/algorithms").json()["items"] if one["enabled"]]
    assert len(algorithms) > 5
    for algorithm in algorithms:
        for params in outside(algorithm["params_schema"]):
            with subtests.test(algorithm["name"], params=params):
                body = {"image_id": hers["image_id"], "algorithm": algorithm["name"], "params": params}
                answer = alice.post("/v1/jobs", content=encoded(body), headers={"Content-Type": "application/json"})
                is_problem(answer, 422, "invalid-params")
                assert all(one["pointer"].startswith("/params") for one in answer.json()["errors"])
                assert len(answer.content) < 10_000


def outside(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Params that a schema does not allow: unknown ones, and for each known one what lies just beyond it."""
    yield {"unknown": 1}
    yield {"a" * 10_000: "b" * 10_000}
    yield {"\0": 1}
    for name, one in schema.get("properties", {}).items():
        yield from ({name: value} for kind, value in VALUES.items() if wrong(kinds(one), kind))
        if "minimum" in one:
            yield from ({name: value} for value in (one["minimum"] - 1, -(10**30)))
        if "maximum" in one:
            yield from ({name: value} for value in (one["maximum"] + 1, 10**30, float("inf")))
        if "enum" in one:
            yield from ({name: value} for value in ("", "unknown", str(one["enum"][0]) + "\0"))


def wrong(taken: set[str], kind: str) -> bool:
    return bool(taken) and kind not in taken and not (kind == "integer" and "number" in taken)


def test_nothing_is_done_to_a_post_that_is_gone(alice: httpx.Client, bob: httpx.Client, admin: httpx.Client) -> None:
    image = made(alice.post("/v1/images", files={"file": ("gone.jpg", photograph(60, 40, seed=77_001))}))["id"]
    path = f"/v1/posts/{made(alice.post('/v1/posts', json={'image_id': image}))['id']}"
    assert bob.put(f"{path}/like").status_code == 204
    assert alice.delete(path, headers={"If-Match": "*"}).status_code == 204
    for who in (alice, bob, admin):
        for method, at in (("PUT", "/like"), ("DELETE", "/like"), ("GET", "/likes"), ("GET", ""), ("DELETE", "")):
            is_problem(who.request(method, path + at, headers={"If-Match": "*"}), 404, "not-found")
        is_problem(who.patch(path, json={"caption": "x"}, headers={"If-Match": "*"}), 404, "not-found")


def test_nobody_follows_or_likes_what_was_disabled(everyone: People, bob: httpx.Client, admin: httpx.Client) -> None:
    gone = everyone.somebody("soon-gone")
    image = made(gone.post("/v1/images", files={"file": ("gone.jpg", photograph(60, 40, seed=77_002))}))["id"]
    post = made(gone.post("/v1/posts", json={"image_id": image}))["id"]
    assert admin.patch("/v1/accounts/soon-gone", json={"disabled": True}).status_code == 200
    is_problem(bob.put(f"/v1/posts/{post}/like"), 404, "not-found")
    is_problem(gone.put("/v1/accounts/bob/follow"), 401, "account-disabled")
    assert bob.get("/v1/feed").json()["items"] == []
