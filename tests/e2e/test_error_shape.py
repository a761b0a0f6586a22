"""Every error of the API has one shape: any route, any mistake, problem+json with all its members.

The API is one real process with ingest's and query's routes, on real servers.
"""

import re
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from html import unescape
from itertools import product
from typing import Any

import httpx
import pytest
import pytest_asyncio
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.schemas import BaseSchema
from schemathesis.specs.openapi import checks as openapi_checks

from contracts.problems import BY_SLUG, PROBLEM_TYPES
from tests import pictures
from tests.query.world import World, world
from tests.running import Stack

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
MEMBERS = {"type", "title", "status", "detail", "instance", "request_id"}
NO_IDS = ("fake", "9999", "'; DROP TABLE images --", "%00", "%f0%28%8c%28", "a" * 3000)
KNOWN = {one.uri: one for one in PROBLEM_TYPES}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(stack: Stack) -> AsyncIterator[World]:
    async with world(stack) as one:
        yield one


@pytest.fixture(scope="module")
def http(served: World) -> Iterator[httpx.Client]:
    own = served.house.bearer()
    with httpx.Client(base_url=str(served.client.base_url), timeout=30, headers=own) as client:
        yield client


@pytest.fixture(scope="module")
def openapi(http: httpx.Client) -> dict[str, Any]:
    found: dict[str, Any] = http.get("/openapi.json").json()
    return found


@pytest.fixture(scope="module")
def image(http: httpx.Client) -> str:
    """The path of an image that is there."""
    answer = http.post("/v1/images", files={"file": ("a.jpg", pictures.photograph(200, 150, seed=4711))})
    assert answer.status_code == 201
    return f"/v1/images/{answer.json()['id']}"


def is_problem(answer: httpx.Response, status: int, slug: str | None = None) -> None:
    """Holds everywhere: RFC 9457's members, the type's own title and status, and the id of this request."""
    told = f"{answer.request.method} {answer.request.url}: {answer.status_code} {answer.text[:300]}"
    assert answer.status_code == status, told
    assert answer.headers["content-type"] == "application/problem+json", told
    if answer.request.method == "HEAD":
        return
    body = answer.json()
    assert set(body) >= MEMBERS, told
    assert (body["status"], body["title"]) == (status, KNOWN[body["type"]].title), told
    assert slug is None or body["type"] == f"/problems/{slug}", told
    assert body["request_id"] == answer.headers["x-request-id"], told
    assert body["instance"].startswith("/"), told
    assert ("errors" in body) == (status == 422), told
    for one in body.get("errors", ()):
        assert set(one) == {"pointer", "detail"}, told
    if status in (429, 503):
        assert int(answer.headers["retry-after"]) > 0, told


def operations(openapi: dict[str, Any], method: str | None = None) -> list[tuple[str, str]]:
    """Every (method, path template)."""
    return [
        (name.upper(), path)
        for path, item in openapi["paths"].items()
        for name in item
        if name.upper() in METHODS and method in (None, name.upper())
    ]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    "path", ["/nothing", "/v1", "/v1/", "/v1/images/", "/v1/nothing/here", "/%2e%2e/etc", "//", "/v1//images"]
)
def test_an_unknown_address_is_not_found(http: httpx.Client, method: str, path: str) -> None:
    is_problem(http.request(method, path), 404, "not-found")


def test_a_method_that_an_address_does_not_take_is_refused_with_those_it_does(
    http: httpx.Client, openapi: dict[str, Any]
) -> None:
    for path, item in openapi["paths"].items():
        taken = {name.upper() for name in item} | ({"HEAD"} if "get" in item else set())
        for method in {*METHODS, "OPTIONS", "TRACE"} - taken:
            answer = http.request(method, re.sub(r"{\w+}", "x", path))
            is_problem(answer, 405, "method-not-allowed")
            assert set(answer.headers["allow"].split(", ")) == taken


def test_an_id_that_is_no_id_is_not_found_by_any_route(http: httpx.Client, openapi: dict[str, Any]) -> None:
    headers = {"If-Match": "*"}
    for (method, path), no_id in product(operations(openapi), NO_IDS):
        if "{" in path:
            given = re.sub(r"{\w+}", lambda _, no_id=no_id: no_id, path.replace("{name}", "small"))
            body = {"json": {}} if method == "PATCH" else {"json": {"version": 1}} if "/promote" in path else {}
            is_problem(http.request(method, given, headers=headers, **body), 404, "not-found")


WRONG_QUERIES = [
    "limit=0", "limit=201", "limit=x", "limit=", "cursor=x", "cursor=%00", f"cursor={'A' * 2000}", "sort=name",
    "status=done", "min_width=-1", "min_width=1e3", f"min_height={2**31}", "taken_after=yesterday",
    "taken_before=2024-13-01", "taken_after=5", "color=red", "color=%23ff00", "sha256=abc", "distance=17",
    "distance=-1", "deleted=maybe", "origin=mail", "tag=", "tag=%00", f"tag={'x' * 101}", "camera=%00", "owner=%00",
    "media_type=%00", "label=%00", f"q={'x' * 501}", "q=a+b+c+d+e+f+g+h+i", "colour=%23ff0000", "unknown=1",
]  # fmt: skip


@pytest.mark.parametrize("query", WRONG_QUERIES)
def test_a_wrong_filter_is_refused_by_name(http: httpx.Client, query: str) -> None:
    answer = http.get(f"/v1/images?{query}")
    is_problem(answer, 422, "invalid-request")
    assert f"/query/{query.partition('=')[0]}" in {one["pointer"].removesuffix("/0") for one in answer.json()["errors"]}


def test_a_character_that_cannot_be_stored_is_refused_wherever_one_can_ask(
    http: httpx.Client, openapi: dict[str, Any]
) -> None:
    for path in (path for _, path in operations(openapi, "GET") if "{" not in path):
        for one in openapi["paths"][path]["get"].get("parameters", ()):
            if one["in"] == "query":
                answer = http.get(path, params={one["name"]: "\0"}, headers=ENDING.get(path))
                if one["name"] == "q":
                    assert answer.json()["items"] == [], "a text is asked for its words alone"
                else:
                    is_problem(answer, 404 if one["name"] == "near" else 422)


@pytest.mark.parametrize(
    ("body", "content_type", "status", "slug"),
    [
        (b"{", "application/json", 400, "malformed-request"),
        (b"\xff\xfe", "application/json", 400, "malformed-request"),
        (b"", "application/json", 422, "invalid-request"),
        (b"[]", "application/json", 422, "invalid-request"),
        (b"null", "application/merge-patch+json", 422, "invalid-request"),
        (b'{"titel": "x"}', "application/merge-patch+json", 422, "invalid-request"),
        (b'{"title": 5}', "application/json", 422, "invalid-request"),
        (b'{"title": "\\u0000"}', "application/json", 422, "invalid-request"),
        (b'{"tags": "sea"}', "application/json", 422, "invalid-request"),
        (b'{"visibility": "shared"}', "application/json", 422, "invalid-request"),
        (b'{"title": "' + b"x" * 501 + b'"}', "application/json", 422, "invalid-request"),
        (b'{"title": "' + b"x" * 2_000_000 + b'"}', "application/json", 413, "too-large"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_a_wrong_body_is_refused(
    http: httpx.Client, image: str, body: bytes, content_type: str, status: int, slug: str
) -> None:
    headers = {"Content-Type": content_type, "If-Match": "*"}
    is_problem(http.patch(image, content=body, headers=headers), status, slug)


def test_a_change_without_a_version_or_of_an_old_one_is_refused(http: httpx.Client, image: str) -> None:
    for send in (
        lambda **rest: http.patch(image, json={"title": "x"}, **rest),
        lambda **rest: http.delete(image, **rest),
    ):
        is_problem(send(), 428, "version-required")
        for stale in ('"99"', "1", '"x"', 'W/"1"'):
            is_problem(send(headers={"If-Match": stale}), 412, "version-mismatch")


def test_a_restore_of_what_is_not_deleted_is_a_conflict(http: httpx.Client, image: str) -> None:
    is_problem(http.post(f"{image}/restore"), 409, "image-not-deleted")


@pytest.mark.parametrize("key", ["", "ä", "x" * 256, "a\tb"])
def test_an_unusable_idempotency_key_is_refused(http: httpx.Client, image: str, key: str) -> None:
    headers = [(b"If-Match", b"*"), (b"Idempotency-Key", key.encode())]
    is_problem(http.patch(image, json={"title": "x"}, headers=headers), 400, "malformed-request")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"content": b"", "headers": {"Content-Type": "multipart/form-data; boundary=x"}}, 400),
        ({"content": b"x", "headers": {"Content-Type": "text/plain"}}, 415),
        ({"files": {"file": ("a.txt", b"hello")}}, 415),
        ({"files": {"file": ("a.jpg", b"")}}, 422),
        ({"files": {"other": ("a.jpg", pictures.photograph(10, 10))}}, 422),
        ({"files": {"file": ("a.jpg", pictures.photograph(10, 10))}, "data": {"colour": "red"}}, 422),
    ],
    ids=["no end", "no form", "no image", "empty", "no file", "unknown field"],
)
def test_a_wrong_upload_is_refused(http: httpx.Client, body: dict[str, Any], status: int) -> None:
    is_problem(http.post("/v1/images", **body), status)


def test_the_page_of_every_kind_of_problem_is_there(http: httpx.Client) -> None:
    for one in PROBLEM_TYPES:
        page = http.get(one.uri)
        assert (page.status_code, one.title in unescape(page.text)) == (200, True), one
    is_problem(http.get("/problems/nothing"), 404, "not-found")


SIGNING_IN = {"/v1/accounts": {"409", "429"}, "/v1/auth/token": {"401", "429"}, "/v1/auth/refresh": {"401", "429"}}
OF_A_FILE = {
    ("POST", "/v1/images"),
    ("PUT", "/v1/images/{image_id}/content"),
    ("POST", "/v1/uploads/{upload_id}/complete"),
}
OF_WHAT_IS_NO_ID = {("GET", "/v1/images"), ("POST", "/v1/jobs"), ("POST", "/v1/posts")}


def test_the_description_of_the_api_names_the_errors_of_every_route(openapi: dict[str, Any]) -> None:
    for method, path in operations(openapi):
        operation = openapi["paths"][path][method.lower()]
        told = {status: one for status, one in operation["responses"].items() if int(status) >= 400}
        must = expected(operation, method, path)
        assert must <= set(told), (method, path, must - set(told))
        for status, one in told.items():
            assert set(one["content"]) == {"application/problem+json"}, (method, path, status)
            assert {BY_SLUG[slug].status for slug in one["x-problems"]} == {int(status)}, (method, path, status)
            assert all(f"`{slug}`" in one["description"] for slug in one["x-problems"]), (method, path, status)


def expected(operation: dict[str, Any], method: str, path: str) -> set[str]:
    """The errors that a route must name, by what it takes."""
    takes = {one["name"].lower() for one in operation.get("parameters", ())}
    scopes = {scope for scheme in operation.get("security", ()) for every in scheme.values() for scope in every}
    kinds = (
        (True, {"400", "422", "500", "503"}),
        ("security" in operation, {"401"}),
        (bool(scopes), {"403"}),
        ("{" in path or (method, path) in OF_WHAT_IS_NO_ID, {"404"}),
        ("if-match" in takes, {"412", "428"}),
        ("requestBody" in operation, {"408", "413"}),
        ((method, path) in OF_A_FILE, {"413", "415"}),
        (method == "POST", SIGNING_IN.get(path, set())),
        (path == "/v1/me/password", {"409", "429"}),
        (path.endswith(("/restore", "/complete", "/retry")), {"409"}),
        (path.endswith("/content") and method == "GET", {"502"}),
    )
    return {status for applies, statuses in kinds if applies for status in statuses}


def test_whoever_need_not_sign_in_is_named(openapi: dict[str, Any]) -> None:
    every = {(method, path): openapi["paths"][path][method.lower()] for method, path in operations(openapi)}
    assert {one for one, told in every.items() if "security" not in told} == {("POST", path) for path in SIGNING_IN}


# Whatever else a machine can think of.


@pytest.fixture(scope="module")
def api(http: httpx.Client, image: str) -> BaseSchema:
    return schemathesis.openapi.from_dict(http.get("/openapi.json").json())


CHECKS = (
    not_a_server_error,
    openapi_checks.status_code_conformance,
    openapi_checks.content_type_conformance,
    openapi_checks.response_headers_conformance,
)


ENDING = {"/v1/events": {"Accept": "application/json"}}
"""What makes an answer end that otherwise goes on and on."""
BOUNDED = settings(
    max_examples=12, deadline=None, database=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck)
)


@pytest.mark.parametrize("mode", list(GenerationMode))
def test_no_request_that_can_be_thought_of_breaks_the_shape(
    http: httpx.Client, api: BaseSchema, mode: GenerationMode, subtests: pytest.Subtests
) -> None:
    signed = {"Authorization": http.headers["Authorization"]}
    for operation in (found.ok() for found in api.get_all_operations()):

        @BOUNDED
        @given(case=operation.as_strategy(generation_mode=mode))
        def holds(case: schemathesis.Case) -> None:
            headers = signed | ENDING.get(case.operation.path, {})
            answer = case.call(base_url=str(http.base_url), timeout=30, headers=headers)
            case.validate_response(answer, checks=CHECKS)
            if answer.status_code >= 400:
                is_problem(_as_httpx(answer), answer.status_code)

        with subtests.test(operation=operation.label), suppress(Unsatisfiable):  # nothing can be wrong with some
            holds()


def _as_httpx(answer: Any) -> httpx.Response:
    request = httpx.Request(answer.request.method, "http://api/")
    headers = [(name, value) for name, values in answer.headers.items() for value in values]
    return httpx.Response(answer.status_code, headers=headers, content=answer.content, request=request)
