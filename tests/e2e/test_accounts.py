"""Accounts over HTTP: sign up, sign in, stay in, change the password, hold keys, be disabled."""

import asyncio
import json
import stat
import time
from collections.abc import AsyncIterator
from math import inf
from typing import Any

import httpx
import pytest
import pytest_asyncio

from adapters import keys
from tests.e2e.people import PASSWORD, Person, bearer, listed, log_in, problem, sign_up
from tests.pictures import photograph
from tests.query.world import World, world
from tests.running import Stack

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(stack: Stack) -> AsyncIterator[World]:
    async with world(stack) as one:
        yield one


def secret_of(key: str) -> str:
    return key.split("_", 2)[2]


async def test_the_first_start_made_an_admin_whose_password_is_in_a_file(
    served: World, http: httpx.AsyncClient
) -> None:
    path = served.house.home / "credentials.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    known = json.loads(path.read_bytes())
    assert set(known) == {"url", "username", "password"}
    answer = await log_in(http, known["username"], known["password"])
    me = await http.get("/v1/me", headers=bearer(answer.json()["access_token"]))
    assert (me.json()["username"], me.json()["role"]) == ("admin", "admin")


async def test_who_signs_up_is_there(http: httpx.AsyncClient, bob: Person) -> None:
    answer = await sign_up(http, "Carol.X", email="carol@example.org")
    assert answer.status_code == 201
    made = answer.json()
    assert set(made) == {"id", "username", "role", "created_at", "position"}
    assert (made["username"], made["role"], answer.headers["location"]) == ("carol.x", "user", "/v1/accounts/carol.x")
    assert answer.headers["framelog-position"] == made["position"]
    tokens = (await log_in(http, "CAROL.x")).json()
    assert (tokens["token_type"], tokens["expires_in"]) == ("bearer", 3600)
    me = (await http.get("/v1/me", headers=bearer(tokens["access_token"]))).json()
    assert (me["id"], me["email"]) == (made["id"], "carol@example.org")
    profile = (await bob.ask("GET", "/v1/accounts/carol.x")).json()
    assert profile == {
        "id": made["id"],
        "username": "carol.x",
        "created_at": made["created_at"],
        "posts": 0,
        "followers": 0,
        "following": 0,
    }


async def test_of_many_who_want_a_name_one_gets_it(http: httpx.AsyncClient) -> None:
    asked = {name: f"{PASSWORD} {name}" for name in ("Dave", "dave", "DAVE")}
    every = await asyncio.gather(*(sign_up(http, name, password=password) for name, password in asked.items()))
    assert sorted(one.status_code for one in every) == [201, 409, 409]
    for one in every:
        if one.status_code == 409:
            problem(one, 409, "username-taken")
    able = [(await log_in(http, "dave", password)).status_code == 200 for password in asked.values()]
    assert able == [one.status_code == 201 for one in every]


@pytest.mark.parametrize(
    "wrong",
    [
        {"username": "ab"},
        {"username": "a" * 33},
        {"username": ""},
        {"username": "has space"},
        {"username": "ünïcode"},
        {"username": "tab\tname"},
        {"username": "nul\x00name"},
        {"username": "line\n"},
        {"username": 5},
        {"username": None},
        {"email": "nobody"},
        {"email": "a@b@c"},
        {"email": "x" * 300 + "@example.org"},
        {"password": "short"},
        {"password": "x" * 257},
        {"password": None},
        {"role": "admin"},
    ],
)
async def test_what_no_account_can_have_is_refused(http: httpx.AsyncClient, wrong: dict[str, Any]) -> None:
    body = {"username": "somebody", "email": "a@example.org", "password": PASSWORD, **wrong}
    found = problem(await http.post("/v1/accounts", json=body), 422, "invalid-request")
    assert [one["pointer"] for one in found["errors"]] == [f"/{next(iter(wrong))}"]


async def test_unknown_names_and_wrong_passwords_are_told_alike_after_as_long(
    http: httpx.AsyncClient, alice: Person
) -> None:
    async def told(name: str, password: str) -> tuple[dict[str, Any], float]:
        since = time.perf_counter()
        answer = await log_in(http, name, password)
        took = time.perf_counter() - since
        found = problem(answer, 401, "unauthenticated")
        assert answer.headers["www-authenticate"] == "Bearer"
        return {name: value for name, value in found.items() if name != "request_id"}, took

    wrong, unknown = inf, inf
    for _ in range(6):  # in turn: what else the machine does slows down both
        one, seconds = await told(alice.name, "wrong password")
        other, as_many = await told("nobody-at-all", PASSWORD)
        assert one == other
        wrong, unknown = min(wrong, seconds), min(unknown, as_many)
    assert wrong / 2 < unknown < wrong * 2, "whether there is such an account shows"


@pytest.mark.parametrize(
    "form",
    [
        {},
        {"username": "alice"},
        {"username": "", "password": PASSWORD},
        {"username": "alice", "password": "x" * 300},
        {"username": "alice", "password": PASSWORD, "grant_type": "client_credentials"},
    ],
)
async def test_a_form_that_is_no_log_in_says_so(http: httpx.AsyncClient, form: dict[str, str]) -> None:
    problem(await http.post("/v1/auth/token", data=form), 422, "invalid-request")


async def test_a_refresh_token_is_good_once_and_stolen_ones_end_the_session(
    http: httpx.AsyncClient, alice: Person
) -> None:
    async def refresh(token: str) -> httpx.Response:
        return await http.post("/v1/auth/refresh", json={"refresh_token": token})

    second = await refresh(alice.tokens["refresh_token"])
    assert second.status_code == 200
    assert (await http.get("/v1/me", headers=bearer(second.json()["access_token"]))).status_code == 200
    problem(await refresh(alice.tokens["refresh_token"]), 401, "unauthenticated")
    problem(await refresh(second.json()["refresh_token"]), 401, "unauthenticated")
    for token in (second.json()["access_token"], "nonsense", ""):
        problem(await refresh(token), 401, "unauthenticated")


async def test_of_two_who_refresh_at_once_one_goes_on(http: httpx.AsyncClient, alice: Person) -> None:
    asked = {"refresh_token": alice.tokens["refresh_token"]}
    every = await asyncio.gather(*(http.post("/v1/auth/refresh", json=asked) for _ in range(5)))
    assert sorted(one.status_code for one in every) == [200, 401, 401, 401, 401]


async def test_a_new_password_ends_what_the_old_one_made(http: httpx.AsyncClient, alice: Person) -> None:
    wrong = {"current_password": "wrong password", "new_password": "another password"}
    problem(await alice.ask("POST", "/v1/me/password", json=wrong), 403, "wrong-password")
    right = {"current_password": PASSWORD, "new_password": "another password"}
    key = (await alice.ask("POST", "/v1/me/api-keys", json={"name": "k", "scopes": ["images:read"]})).json()["key"]
    answer = await alice.ask("POST", "/v1/me/password", json=right)
    assert (answer.status_code, answer.content) == (204, b"")
    problem(await alice.ask("GET", "/v1/me"), 401, "unauthenticated")
    refresh = {"refresh_token": alice.tokens["refresh_token"]}
    problem(await http.post("/v1/auth/refresh", json=refresh), 401, "unauthenticated")
    problem(await log_in(http, alice.name), 401, "unauthenticated")
    assert (await log_in(http, alice.name, "another password")).status_code == 200
    assert (await http.get("/v1/me", headers=bearer(key))).status_code == 200


async def test_an_api_key_works_within_its_scopes_until_it_is_revoked(http: httpx.AsyncClient, alice: Person) -> None:
    answer = await alice.ask("POST", "/v1/me/api-keys", json={"name": "backup", "scopes": ["images:read"]})
    made = answer.json()
    assert (answer.status_code, set(made)) == (201, {"id", "name", "scopes", "key"})
    assert made["key"].startswith("flk_")
    listed = (await alice.ask("GET", "/v1/me/api-keys")).json()["items"]
    assert [{name: one[name] for name in ("id", "name", "scopes")} for one in listed] == [
        {"id": made["id"], "name": "backup", "scopes": ["images:read"]}
    ]
    assert secret_of(made["key"]) not in json.dumps(listed)
    key = bearer(made["key"])
    assert (await http.get("/v1/images", headers=key)).status_code == 200
    picture = {"file": photograph(seed=1)}
    problem(await http.post("/v1/images", headers=key, files=picture), 403, "forbidden")
    problem(await http.post("/v1/me/api-keys", headers=key, json={"name": "x", "scopes": ["admin"]}), 403, "forbidden")
    problem(await http.get("/v1/images", headers=bearer(made["key"][:-1] + "x")), 401, "unauthenticated")
    assert (await alice.ask("DELETE", f"/v1/me/api-keys/{made['id']}")).status_code == 204
    problem(await http.get("/v1/images", headers=key), 401, "unauthenticated")
    problem(await alice.ask("DELETE", f"/v1/me/api-keys/{made['id']}"), 404, "not-found")
    problem(await alice.ask("DELETE", "/v1/me/api-keys/fake"), 404, "not-found")


async def test_a_key_is_revoked_by_its_owner_alone(alice: Person, bob: Person) -> None:
    made = (await alice.ask("POST", "/v1/me/api-keys", json={"name": "k", "scopes": ["images:read"]})).json()
    problem(await bob.ask("DELETE", f"/v1/me/api-keys/{made['id']}"), 404, "not-found")
    assert (await alice.http.get("/v1/images", headers=bearer(made["key"]))).status_code == 200


async def test_a_disabled_account_is_shut_out_and_comes_back(
    served: World, http: httpx.AsyncClient, alice: Person
) -> None:
    key = (await alice.ask("POST", "/v1/me/api-keys", json={"name": "k", "scopes": ["images:read"]})).json()["key"]
    path = f"/v1/accounts/{alice.name}"
    problem(await alice.ask("PATCH", path, json={"disabled": True}), 403, "forbidden")
    answer = await served.client.patch(path, json={"disabled": True})
    assert (answer.status_code, answer.json()["disabled"], answer.json()["email"]) == (200, True, "a@example.org")
    problem(await alice.ask("GET", "/v1/me"), 401, "account-disabled")
    problem(await http.get("/v1/me", headers=bearer(key)), 401, "account-disabled")
    problem(await log_in(http, alice.name), 401, "account-disabled")
    problem(await log_in(http, alice.name, "wrong password"), 401, "unauthenticated")
    refresh = {"refresh_token": alice.tokens["refresh_token"]}
    problem(await http.post("/v1/auth/refresh", json=refresh), 401, "account-disabled")
    assert (await served.client.patch(path, json={"disabled": False, "role": "admin"})).status_code == 200
    problem(await alice.ask("GET", "/v1/me"), 401, "unauthenticated")  # tokens of before stay ended
    tokens = (await log_in(http, alice.name)).json()
    assert (await http.get("/v1/me", headers=bearer(tokens["access_token"]))).json()["role"] == "admin"
    assert (await http.get("/v1/me", headers=bearer(key))).status_code == 200


async def test_a_retry_of_a_change_by_an_admin_has_no_second_effect(served: World, alice: Person) -> None:
    path, headers = f"/v1/accounts/{alice.name}", {"Idempotency-Key": f"once for {alice.name}"}
    both = {"disabled": True, "role": "admin"}
    first, again = [await served.client.patch(path, json=both, headers=headers) for _ in range(2)]
    assert (first.status_code, again.status_code) == (200, 200)
    assert first.headers["etag"] == again.headers["etag"]
    other = await served.client.patch(path, json={"disabled": False}, headers=headers)
    problem(other, 422, "idempotency-key-reuse")


async def test_an_admin_cannot_shut_itself_out(served: World) -> None:
    problem(await served.client.patch("/v1/accounts/admin", json={"disabled": True}), 422, "invalid-request")
    problem(await served.client.patch("/v1/accounts/nobody-at-all", json={"disabled": True}), 404, "not-found")


async def test_profiles_are_pages_that_show_an_email_to_admins_alone(served: World, alice: Person, bob: Person) -> None:
    profiles = await listed(alice.http, "/v1/accounts", alice.signed, limit=2)
    assert all("email" not in one for one in profiles)
    names = [one["username"] for one in profiles]
    assert {"admin", alice.name, bob.name} <= set(names)
    assert len(names) == len(set(names))
    shown = (await served.client.get(f"/v1/accounts/{bob.name}")).json()
    assert (shown["email"], shown["role"], shown["disabled"]) == ("a@example.org", "user", False)
    problem(await alice.ask("GET", "/v1/accounts/nobody-at-all"), 404, "not-found")
    problem(await alice.ask("GET", "/v1/accounts", params={"cursor": "tampered"}), 422, "invalid-request")


async def test_a_webhook_secret_changes_when_it_is_rotated(alice: Person, bob: Person) -> None:
    first = (await alice.ask("GET", "/v1/me/webhook-secret")).json()["secret"]
    assert first.startswith("whsec_")
    assert first != (await bob.ask("GET", "/v1/me/webhook-secret")).json()["secret"]
    rotated = (await alice.ask("POST", "/v1/me/webhook-secret/rotate")).json()["secret"]
    assert rotated not in (first, "")
    assert (await alice.ask("GET", "/v1/me/webhook-secret")).json()["secret"] == rotated


@pytest.mark.parametrize("header", ["", "Bearer", "Basic YTpi", "Bearer a.b.c", "Bearer flk_", "Bearer flk_x_y"])
async def test_what_is_no_credential_is_refused(http: httpx.AsyncClient, header: str) -> None:
    answer = await http.get("/v1/me", headers={"Authorization": header})
    problem(answer, 401, "unauthenticated")
    assert answer.headers["www-authenticate"] == "Bearer"


async def test_tokens_of_other_keys_and_other_purposes_are_refused(
    served: World, http: httpx.AsyncClient, tmp_path: Any
) -> None:
    foreign = keys.create(tmp_path / keys.FILE)
    own = keys.load(served.house.home / keys.FILE)
    from datetime import UTC, datetime

    claims = {"sub": "admin", "epoch": 1, "role": "admin"}
    now = datetime.now(UTC)
    for token in (
        foreign.sign(claims, "framelog:access", now, 60),
        own.sign(claims, "framelog:refresh", now, 60),
        own.sign({"sub": "admin"}, "framelog:access", now, 60),
        own.sign({**claims, "epoch": 0}, "framelog:access", now, 60),
        own.sign({**claims, "epoch": 2}, "framelog:access", now, 60),
        own.sign({**claims, "sub": "nobody-at-all"}, "framelog:access", now, 60),
    ):
        problem(await http.get("/v1/me", headers=bearer(token)), 401, "unauthenticated")


async def test_log_ins_are_counted_per_name(http: httpx.AsyncClient, alice: Person) -> None:
    answers = [await log_in(http, alice.name, "wrong password") for _ in range(20)]
    refused = [one for one in answers if one.status_code == 429]
    assert refused, "20 wrong passwords in a row were all looked at"
    problem(refused[0], 429, "rate-limited")
    assert 0 < int(refused[0].headers["retry-after"]) <= 60
