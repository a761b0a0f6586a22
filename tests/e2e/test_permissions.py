"""Every route, asked by everybody: nobody, a stranger, the owner, an admin, a key that lacks the scope, a disabled one.

The routes are those of the OpenAPI document: one without a row here fails.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
import pytest_asyncio

from tests.e2e.people import PASSWORD, bearer, log_in, sign_up
from tests.pictures import photograph
from tests.query.world import World, world
from tests.running import Stack

pytestmark = pytest.mark.asyncio(loop_scope="module")

EVERYBODY = ("nobody", "stranger", "owner", "admin", "key", "disabled")
PICTURE = photograph(seed=77)


@dataclass(frozen=True)
class Row:
    """What is asked, and the status each gets, in the order of EVERYBODY. `scope` is the one that `key` lacks."""

    statuses: tuple[int, ...]
    scope: str = "images:read"
    parts: dict[str, Any] = field(default_factory=dict)


ASKED = {"json": {"image_id": "x", "algorithm": "hash"}}
STALE = {"headers": {"If-Match": '"999"'}}
NEVER_WAS = {"json": {"version": 999}}
READING, WRITING, SHARING, MANAGING = "images:read", "images:write", "social:write", "admin"
# 412 and 422 are said to whoever may do it, once it is known that they may.
ROWS = {
    ("POST", "/v1/accounts"): Row((422, 422, 422, 422, 422, 422), parts={"json": {}}),
    ("POST", "/v1/auth/token"): Row((422, 422, 422, 422, 422, 422)),
    ("POST", "/v1/auth/refresh"): Row((422, 422, 422, 422, 422, 422), parts={"json": {}}),
    ("GET", "/v1/accounts"): Row((401, 200, 200, 200, 200, 401)),
    ("GET", "/v1/accounts/{username}"): Row((401, 200, 200, 200, 200, 401)),
    ("PATCH", "/v1/accounts/{username}"): Row((401, 403, 403, 200, 403, 401), MANAGING, {"json": {}}),
    ("GET", "/v1/me"): Row((401, 200, 200, 200, 200, 401)),
    ("POST", "/v1/me/password"): Row((401, 422, 422, 422, 403, 401), MANAGING, {"json": {}}),
    ("GET", "/v1/me/api-keys"): Row((401, 200, 200, 200, 403, 401), MANAGING),
    ("POST", "/v1/me/api-keys"): Row((401, 422, 422, 422, 403, 401), MANAGING, {"json": {}}),
    ("DELETE", "/v1/me/api-keys/{key_id}"): Row((401, 404, 404, 404, 403, 401), MANAGING),
    ("GET", "/v1/me/webhook-secret"): Row((401, 200, 200, 200, 403, 401), MANAGING),
    ("POST", "/v1/me/webhook-secret/rotate"): Row((401, 200, 200, 200, 403, 401), MANAGING),
    ("GET", "/v1/images"): Row((401, 200, 200, 200, 403, 401)),
    ("POST", "/v1/images"): Row((401, 201, 200, 201, 403, 401), WRITING, {"files": {"file": PICTURE}}),
    ("POST", "/v1/uploads"): Row((401, 422, 422, 422, 403, 401), WRITING, {"json": {}}),
    ("POST", "/v1/uploads/{upload_id}/complete"): Row((401, 404, 409, 404, 403, 401), WRITING),
    ("POST", "/v1/images:from-url"): Row((401, 422, 422, 422, 403, 401), WRITING, {"json": {}}),
    ("GET", "/v1/images/{image_id}"): Row((401, 404, 200, 404, 403, 401)),
    ("PATCH", "/v1/images/{image_id}"): Row((401, 404, 412, 404, 403, 401), WRITING, {"json": {}, **STALE}),
    ("DELETE", "/v1/images/{image_id}"): Row((401, 404, 412, 404, 403, 401), WRITING, STALE),
    ("PUT", "/v1/images/{image_id}/content"): Row(
        (401, 404, 412, 404, 403, 401), WRITING, {"content": PICTURE, **STALE}
    ),
    ("POST", "/v1/images/{image_id}/restore"): Row((401, 404, 409, 404, 403, 401), WRITING),
    ("POST", "/v1/images/{image_id}/revert"): Row((401, 404, 422, 404, 403, 401), WRITING, NEVER_WAS),
    ("POST", "/v1/images/{image_id}/reanalyze"): Row((401, 404, 202, 404, 403, 401), WRITING),
    ("POST", "/v1/images:reanalyze"): Row(
        (401, 202, 202, 202, 403, 401), WRITING, {"json": {"campaign": "c", "images": ["x"]}}
    ),
    ("GET", "/v1/images/{image_id}/content"): Row((401, 404, 200, 404, 403, 401)),
    ("GET", "/v1/images/{image_id}/history"): Row((401, 404, 200, 404, 403, 401)),
    ("GET", "/v1/images/{image_id}/renditions/{name}"): Row((404, 404, 200, 404, 403, 401)),
    ("GET", "/v1/admin/projections"): Row((401, 403, 403, 200, 403, 401), MANAGING),
    ("GET", "/v1/jobs"): Row((401, 200, 200, 200, 403, 401)),
    ("POST", "/v1/jobs"): Row(
        (401, 404, 404, 404, 403, 401), WRITING, {"json": {"image_id": "x", "algorithm": "hash"}}
    ),
    ("GET", "/v1/jobs/{job_id}"): Row((401, 404, 200, 404, 403, 401)),
    ("GET", "/v1/jobs/{job_id}/content"): Row((401, 404, 200, 404, 403, 401)),
    ("POST", "/v1/jobs/{job_id}/retry"): Row((401, 404, 202, 404, 403, 401), WRITING),
    ("GET", "/v1/posts"): Row((200, 200, 200, 200, 403, 401)),
    ("POST", "/v1/posts"): Row((401, 404, 404, 404, 403, 401), SHARING, {"json": {"image_id": "fake"}}),
    ("GET", "/v1/feed"): Row((401, 200, 200, 200, 403, 401)),
    ("GET", "/v1/posts/{post_id}"): Row((200, 200, 200, 200, 403, 401)),
    ("PATCH", "/v1/posts/{post_id}"): Row((401, 403, 412, 403, 403, 401), SHARING, {"json": {}, **STALE}),
    ("DELETE", "/v1/posts/{post_id}"): Row((401, 403, 412, 403, 403, 401), SHARING, STALE),
    ("GET", "/v1/posts/{post_id}/likes"): Row((200, 200, 200, 200, 403, 401)),
    ("PUT", "/v1/posts/{post_id}/like"): Row((401, 204, 204, 204, 403, 401), SHARING),
    ("DELETE", "/v1/posts/{post_id}/like"): Row((401, 204, 204, 204, 403, 401), SHARING),
    ("GET", "/v1/accounts/{username}/followers"): Row((401, 200, 200, 200, 200, 401)),
    ("GET", "/v1/accounts/{username}/following"): Row((401, 200, 200, 200, 200, 401)),
    ("PUT", "/v1/accounts/{username}/follow"): Row((401, 422, 204, 204, 403, 401), SHARING),
    ("DELETE", "/v1/accounts/{username}/follow"): Row((401, 422, 204, 204, 403, 401), SHARING),
    ("GET", "/v1/events"): Row((401, 200, 200, 200, 403, 401), parts={"headers": {"Accept": "application/json"}}),
    ("GET", "/v1/events/{event_id}"): Row((401, 404, 200, 404, 200, 401)),
    ("GET", "/v1/algorithms"): Row((401, 200, 200, 200, 200, 401)),
    ("GET", "/v1/admin/dead-letters"): Row((401, 403, 403, 200, 403, 401), MANAGING),
    ("GET", "/v1/admin/dead-letters/{letter_id}"): Row((401, 403, 403, 404, 403, 401), MANAGING),
    ("POST", "/v1/admin/dead-letters/{letter_id}/retry"): Row((401, 403, 403, 404, 403, 401), MANAGING),
    ("POST", "/v1/admin/dead-letters/{letter_id}/discard"): Row((401, 403, 403, 404, 403, 401), MANAGING),
    ("POST", "/v1/algorithms/{name}/promote"): Row((401, 403, 403, 422, 403, 401), MANAGING, {"json": {}}),
}
# The same of an image that others may see.
OF_PUBLIC = {
    ("GET", "/v1/images/{image_id}"): Row((401, 200, 200, 200, 403, 401)),
    ("PATCH", "/v1/images/{image_id}"): Row((401, 403, 412, 403, 403, 401), WRITING, {"json": {}, **STALE}),
    ("DELETE", "/v1/images/{image_id}"): Row((401, 403, 412, 403, 403, 401), WRITING, STALE),
    ("PUT", "/v1/images/{image_id}/content"): Row(
        (401, 403, 412, 403, 403, 401), WRITING, {"content": PICTURE, **STALE}
    ),
    ("POST", "/v1/images/{image_id}/restore"): Row((401, 403, 409, 403, 403, 401), WRITING),
    ("POST", "/v1/images/{image_id}/revert"): Row((401, 403, 422, 403, 403, 401), WRITING, NEVER_WAS),
    ("POST", "/v1/images/{image_id}/reanalyze"): Row((401, 403, 202, 403, 403, 401), WRITING),
    ("GET", "/v1/images/{image_id}/content"): Row((401, 403, 200, 403, 403, 401)),
    ("GET", "/v1/images/{image_id}/history"): Row((401, 403, 200, 403, 403, 401)),
    ("GET", "/v1/images/{image_id}/renditions/{name}"): Row((200, 200, 200, 200, 403, 401)),
}


@dataclass
class Cast:
    """Everybody's header, the owner's keys that lack one scope each, and what they ask about."""

    http: httpx.AsyncClient
    headers: dict[str, dict[str, str]]
    keys: dict[str, dict[str, str]]
    ids: dict[str, dict[str, str]]
    openapi: dict[str, Any]

    async def ask(self, who: str, method: str, path: str, row: Row, of: str) -> httpx.Response:
        signed = self.keys[row.scope] if who == "key" else self.headers[who]
        parts = {**row.parts, "headers": {**row.parts.get("headers", {}), **signed}}
        return await self.http.request(method, path.format(**self.ids[of]), **parts)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def cast(stack: Stack) -> AsyncIterator[Cast]:
    async with world(stack) as served, served.house.run("services.analyzer"):
        http = served.client
        admin = dict(served.house.bearer())
        del http.headers["Authorization"]
        headers: dict[str, dict[str, str]] = {"nobody": {}, "admin": admin}
        for name in ("owner", "stranger", "disabled"):
            assert (await sign_up(http, f"the-{name}")).status_code == 201
            headers[name] = bearer((await log_in(http, f"the-{name}")).json()["access_token"])
        gone = await http.patch("/v1/accounts/the-disabled", json={"disabled": True}, headers=admin)
        assert gone.status_code == 200
        keys = {
            scope: await _key_without(http, headers["owner"], scope) for scope in (READING, WRITING, SHARING, MANAGING)
        }
        ids = {}
        for of, picture in (("private", PICTURE), ("public", photograph(seed=78))):
            answer = await http.post(
                "/v1/images", headers=headers["owner"], files={"file": picture}, data={"visibility": of}
            )
            image_id = answer.json()["id"]
            history = await http.get(
                f"/v1/images/{image_id}/history",
                headers={**headers["owner"], "Framelog-After": answer.headers["framelog-position"]},
            )
            event_id = history.json()["items"][0]["event_id"]
            ids[of] = {
                "image_id": image_id,
                "event_id": event_id,
                "name": "small",
                "username": "the-stranger",
                "key_id": "5f0c2a54-4c0e-5f61-9d53-0d2f5a7b6c11",
                "letter_id": "5f0c2a54-4c0e-5f61-9d53-0d2f5a7b6c11",
                "upload_id": await _upload(http, headers["owner"]),
                "job_id": await _job(served, http, headers["owner"], image_id),
                "post_id": await _post(http, headers["owner"], image_id) if of == "public" else "",
            }
            await served.until(lambda id_=image_id: _analysed(http, headers["owner"], id_))
        ids["private"]["post_id"] = ids["public"]["post_id"]  # no post is private
        yield Cast(http, headers, keys, ids, (await http.get("/openapi.json")).json())


async def _key_without(http: httpx.AsyncClient, owner: dict[str, str], scope: str) -> dict[str, str]:
    scopes = [one for one in ("images:read", "images:write", "social:write", "admin") if one != scope]
    answer = await http.post("/v1/me/api-keys", headers=owner, json={"name": f"no {scope}", "scopes": scopes})
    return bearer(answer.json()["key"])


async def _post(http: httpx.AsyncClient, owner: dict[str, str], image_id: str) -> str:
    answer = await http.post("/v1/posts", headers=owner, json={"image_id": image_id})
    return str(answer.json()["id"])


async def _upload(http: httpx.AsyncClient, owner: dict[str, str]) -> str:
    """Offered, and nothing put there."""
    body = {"filename": "a.jpg", "size": 5, "sha256": "0" * 64}
    return str((await http.post("/v1/uploads", headers=owner, json=body)).json()["id"])


async def _job(served: World, http: httpx.AsyncClient, owner: dict[str, str], image_id: str) -> str:
    """A thumbnail, made."""
    answer = await http.post("/v1/jobs", headers=owner, json={"image_id": image_id, "algorithm": "thumbnail"})
    job_id = str(answer.json()["id"])

    async def done() -> bool:
        found = (await http.get(f"/v1/jobs/{job_id}", headers=owner)).json()
        return bool(found["status"] == "succeeded")

    await served.until(done)
    return job_id


async def _analysed(http: httpx.AsyncClient, owner: dict[str, str], image_id: str) -> bool:
    answer = await http.get(f"/v1/images/{image_id}", headers=owner)
    return bool(answer.json()["analysis"]["status"] == "completed")


async def test_every_route_has_a_row(cast: Cast) -> None:
    routes = {(method.upper(), path) for path, item in cast.openapi["paths"].items() for method in item}
    assert routes == set(ROWS)


@pytest.mark.parametrize(("method", "path"), ROWS)
async def test_everybody_gets_of_a_private_thing_what_the_table_says(cast: Cast, method: str, path: str) -> None:
    await _as_said(cast, method, path, ROWS[method, path], "private")


@pytest.mark.parametrize(("method", "path"), OF_PUBLIC)
async def test_everybody_gets_of_a_public_thing_what_the_table_says(cast: Cast, method: str, path: str) -> None:
    await _as_said(cast, method, path, OF_PUBLIC[method, path], "public")


async def test_everybodys_images_are_listed_to_admins_alone(cast: Cast) -> None:
    row = Row((401, 403, 403, 200, 403, 401), MANAGING, {"params": {"owner": "*"}})
    await _as_said(cast, "GET", "/v1/images", row, "private")


@pytest.mark.parametrize("path", ["/v1/images/{image_id}", "/v1/images/{image_id}/content"])
async def test_how_an_image_was_is_told_to_its_owner_alone(cast: Cast, path: str) -> None:
    for of, others in (("private", 404), ("public", 403)):
        row = Row((401, others, 422, others, 403, 401), parts={"params": {"as_of": "2999-01-01"}})
        await _as_said(cast, "GET", path, row, of)


async def test_a_campaign_asks_for_images_of_ones_own_or_for_admins_of_anybody(cast: Cast) -> None:
    asked = {"json": {"campaign": "c", "algorithms": ["hash"]}}
    for of, stranger in (("private", 404), ("public", 403)):
        row = Row((401, stranger, 202, 202, 403, 401), WRITING, asked)
        await _as_said(cast, "POST", "/v1/images/{image_id}/reanalyze", row, of)


async def _as_said(cast: Cast, method: str, path: str, row: Row, of: str) -> None:
    answers = {who: await cast.ask(who, method, path, row, of) for who in EVERYBODY}
    found = {who: answer.status_code for who, answer in answers.items()}
    assert found == dict(zip(EVERYBODY, row.statuses, strict=True))
    hidden = {answer.json()["detail"] for answer in answers.values() if answer.status_code == 404}
    assert len(hidden) <= 1, "what is hidden is told in one way"


SECRET = ("exif", "sha256", "filename", "content_url", "analysis", "description", "visibility", "media_type", "origin")


async def test_a_stranger_sees_of_a_public_image_nothing_but_the_public_view(cast: Cast) -> None:
    stranger, image_id = cast.headers["stranger"], cast.ids["public"]["image_id"]
    one = (await cast.http.get(f"/v1/images/{image_id}", headers=stranger)).json()
    listed = (await cast.http.get("/v1/images?owner=the-owner", headers=stranger)).json()["items"]
    assert listed == [one]
    assert set(one) == {"id", "owner", "version", "width", "height", "title", "tags", "created_at", "renditions"}
    assert not {name for name in SECRET if name in one}
    assert PASSWORD not in str(one)
