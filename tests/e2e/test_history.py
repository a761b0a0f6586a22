"""The biography of an image: what was done to it, found in it and shown of it, by whom, when, and what was refused."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio

from contracts.algorithms import VersionPromoted
from contracts.analyses import Failure, Result
from contracts.images import Wanted
from tests import events
from tests.e2e.people import Json, Person, ended, listed, new_picture, problem
from tests.events import uid
from tests.query.world import World, world
from tests.running import Stack

pytestmark = pytest.mark.asyncio(loop_scope="module")

PINNED = {"event_id", "type", "time", "actor", "position", "version", "changes", "accepted", "reason"}
OWN = {"owner": "admin", "actor": "admin"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(stack: Stack) -> AsyncIterator[World]:
    async with world(stack) as one, one.house.run("services.analyzer"):
        yield one


async def life_of(served: World, who: Person) -> tuple[str, list[Json]]:
    """An image that much has happened to, and its history once all of it is there."""
    image = (
        await who.ask("POST", "/v1/images", files={"file": ("a.jpg", new_picture())}, data={"title": "One"})
    ).json()
    path, any_version = f"/v1/images/{image['id']}", {**who.signed, "If-Match": "*"}
    await settled(served, who, path)
    await who.http.patch(path, json={"title": "Two"}, headers=any_version)
    job = {"image_id": image["id"], "algorithm": "thumbnail", "params": {"width": 40}}
    await ended(served, who, (await who.ask("POST", "/v1/jobs", json=job)).json()["id"])
    post = (await who.ask("POST", "/v1/posts", json={"image_id": image["id"], "caption": "Sea"})).json()
    await who.http.patch(f"/v1/posts/{post['id']}", json={"caption": "The sea"}, headers=any_version)
    await who.http.delete(f"/v1/posts/{post['id']}", headers=any_version)
    await served.append(
        events.updated(UUID(image["id"]), owner=who.name, actor=who.name, expected_version=1, changes={"title": "Late"})
    )
    await who.ask("POST", f"{path}/revert", json={"version": 1})
    await settled(served, who, path)

    async def whole() -> list[Json] | None:
        found = await listed(who.http, f"{path}/history", who.signed)
        outcomes = [one for one in found if one["type"] == "framelog.analysis.completed.v1"]
        return found if len(outcomes) == 4 else None

    found = await served.until(whole)
    assert found is not None
    return path, found


async def settled(served: World, who: Person, path: str) -> None:
    async def there() -> bool:
        return bool((await who.ask("GET", path)).json()["analysis"]["status"] == "completed")

    await served.until(there)


def brief(item: Json) -> str:
    return str(item["type"]).removeprefix("framelog.").removesuffix(".v1")


async def test_everything_that_happened_to_an_image_is_told_in_order(served: World, alice: Person) -> None:
    _, items = await life_of(served, alice)
    done = ["image.uploaded", "analysis.started", "analysis.completed"]
    assert [brief(one) for one in items[:3]] == done
    happened = [brief(one) for one in items if not brief(one).startswith("analysis.") or one["actor"]]
    assert happened == [
        *("image.uploaded", "image.updated", "analysis.requested"),
        *("post.published", "post.edited", "post.deleted", "image.updated", "image.updated"),
    ]
    assert all(set(one) == PINNED | {"details"} for one in items)
    assert [one["time"] for one in items] == sorted(one["time"] for one in items)
    assert len({one["event_id"] for one in items}) == len({one["position"] for one in items}) == len(items)
    assert {one["actor"] for one in items} == {alice.name, None}
    assert [one["version"] for one in items if one["version"]] == [1, 2, 2, 3], "a job raises none"


async def test_each_event_says_what_it_changed_and_what_it_is_about(served: World, alice: Person) -> None:
    _, items = await life_of(served, alice)
    upload, analysed = items[0], items[2]
    assert upload["changes"]["title"] == [None, "One"]
    assert analysed["details"]["cause"] == upload["event_id"]
    assert analysed["details"]["group"] == "core"
    assert analysed["details"]["algorithms"]["hash"] == "1"
    assert analysed["changes"]["hash"] == [None, "1"]
    about = {brief(one): one for one in items if not brief(one).startswith("analysis.c")}
    job = about["analysis.requested"]
    assert job["details"] == {"job": job["event_id"], "algorithms": {"thumbnail": None}}
    posts = [about[f"post.{what}"] for what in ("published", "edited", "deleted")]
    assert [one["changes"].get("caption") for one in posts] == [[None, "Sea"], ["Sea", "The sea"], None]
    assert posts[2]["changes"]["deleted_at"] == [None, posts[2]["time"]]
    assert len({one["details"]["post"] for one in posts}) == 1
    late, reverted = [one for one in items if brief(one) == "image.updated"][1:]
    assert (late["accepted"], late["reason"], late["version"]) == (False, "version-mismatch", None)
    assert late["changes"] == {"title": ["Two", "Late"]}
    assert (reverted["details"], reverted["changes"]) == ({"reverts_to": 1}, {"title": ["Two", "One"]})


async def test_pages_of_any_size_tell_the_same(served: World, alice: Person) -> None:
    path, items = await life_of(served, alice)
    for size in (1, 2, 3, 5, 200):
        assert await listed(alice.http, f"{path}/history", alice.signed, limit=size) == items, size


async def test_a_cursor_of_anothers_history_is_refused(served: World, alice: Person) -> None:
    (path, _), (other, _) = await life_of(served, alice), await life_of(served, alice)
    cursor = (await alice.ask("GET", f"{path}/history?limit=1")).json()["next"]
    for asked in (f"{other}/history?cursor={cursor}", f"{path}/history?cursor=x", f"{path}/history?limit=0"):
        problem(await alice.ask("GET", asked), 422, "invalid-request")


def found(version: int, **changes: Any) -> dict[str, Any]:
    made = Result(algorithm="hash", version=version, params={}, result={"phash": "0" * 16})
    return {"owner": "admin", "wanted": (Wanted(algorithm="hash"),), "results": (made,)} | changes


async def test_another_model_over_the_same_bytes_is_told_from_version_to_version(served: World) -> None:
    image = uid("remodelled")
    await served.append(VersionPromoted(algorithm="hash", version=3, actor="admin"))
    upload = await served.append(events.uploaded(image, wanted=(), **OWN))
    failed = (Failure(algorithm="exif", type="undecodable-image", detail="it is damaged"),)
    for number, parts in enumerate((found(1), found(1), found(3, failures=failed), found(2))):
        await served.append(events.completed(image, uid(("cause", number)), **parts))
    await served.append(events.failed(image, upload, owner="admin", wanted=(), failures=failed))

    async def whole() -> list[Json] | None:
        items: list[Json] = (await served.client.get(f"/v1/images/{image}/history")).json()["items"]
        return items if len(items) == 6 else None

    items = await served.until(whole)
    assert items is not None
    assert [one["changes"] for one in items[1:]] == [{"hash": [None, "1"]}, {}, {"hash": ["1", "3"]}, {}, {}]
    assert items[3]["details"]["algorithms"] == {"exif": None, "hash": "3"}
    assert [one["details"]["algorithms"].get("hash") for one in items[1:5]] == ["1", "1", "3", "2"]
    for at in (3, 5):
        (failure,) = items[at]["details"]["failures"]
        assert (failure["algorithm"], failure["type"], failure["detail"]) == (
            "exif",
            "/problems/undecodable-image",
            "it is damaged",
        )
    signed = dict(served.client.headers)
    for size in (1, 2):
        assert await listed(served.client, f"/v1/images/{image}/history", signed, limit=size) == items
