"""An image as it was: what its owner was shown at some time is what they are shown of that time for ever."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
import pytest_asyncio

from contracts.algorithms import VersionPromoted
from contracts.analyses import Failure
from contracts.images import Wanted
from tests import events
from tests.e2e.people import problem
from tests.events import content, sha, uid
from tests.query.world import World, world
from tests.running import Stack

pytestmark = pytest.mark.asyncio(loop_scope="module")

EXIF, HASH, ORACLE = Wanted(algorithm="exif"), Wanted(algorithm="hash"), Wanted(algorithm="oracle")
OWN = {"owner": "admin", "actor": "admin"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def at(stack: Stack) -> AsyncIterator[World]:
    async with world(stack) as one:
        yield one


async def now() -> str:
    """A time that no other event has."""
    await asyncio.sleep(0.01)
    found = datetime.now(UTC).isoformat()
    await asyncio.sleep(0.01)
    return found


async def shown(at: World, image: UUID, **query: str) -> dict[str, Any]:
    answer = await at.get(f"/v1/images/{image}", **query)
    assert answer.status_code == 200, answer.text
    assert answer.headers["etag"] == f'"{answer.json()["version"]}"'
    assert answer.headers["framelog-position"] == answer.json()["position"]
    return {name: value for name, value in answer.json().items() if name != "content_url"}


async def lived(at: World, image: UUID) -> list[tuple[str, dict[str, Any]]]:
    """What was shown at each moment of a life with all that can happen to an image."""
    wanted = (EXIF, HASH, ORACLE)
    await at.append(VersionPromoted(algorithm="hash", version=1, actor="admin"))
    upload, other = await at.append(events.uploaded(image, wanted=wanted, title="One", **OWN)), content("other")
    moments = [(await now(), await shown(at, image))]
    failed = (Failure(algorithm="exif", type="undecodable-image", detail="it is damaged"),)
    for event in (
        events.started(image, upload, owner="admin", wanted=(EXIF, HASH)),
        events.completed(image, upload, **found("hash", 1), wanted=(EXIF, HASH), failures=failed),
        events.updated(image, changes={"title": "Two", "tags": ("sea",)}, wanted=wanted, **OWN),
        events.updated(image, expected_version=1, changes={"title": "Too late"}, wanted=wanted, **OWN),
        events.completed(image, uid("again"), **found("hash", 2), wanted=(HASH,)),
        VersionPromoted(algorithm="hash", version=2, actor="admin"),
        VersionPromoted(algorithm="exif", version=2, actor="admin"),
        events.updated(image, content=other, replaces_content=True, wanted=wanted, **OWN),
        events.completed(image, uid("other"), **found("hash", 2, "other"), wanted=(HASH,)),
        events.updated(image, changes={"visibility": "public"}, wanted=(HASH,), **OWN),
    ):
        await at.append(event)
        moments.append((await now(), await shown(at, image)))
    return moments


def found(algorithm: str, version: int, of: str = "bytes") -> dict[str, Any]:
    made = events.Result(algorithm=algorithm, version=version, params={}, result={"phash": "0" * 16, "by": version})
    return {"owner": "admin", "sha256": sha(of), "results": (made,)}


async def test_every_moment_of_a_life_is_shown_as_it_was_shown_then(at: World) -> None:
    image = uid("life")
    before = await now()
    moments = await lived(at, image)
    assert len({str(one) for _, one in moments}) == len(moments) - 4, "a start, a refusal, what does not speak"
    for time, then in moments:
        assert await shown(at, image, as_of=time) == then, time
    problem(await at.get(f"/v1/images/{image}", as_of=before), 404, "not-found")
    created = moments[0][1]["created_at"]
    assert (await shown(at, image, as_of=created))["version"] == 1, "the moment itself is part of the past"


async def test_a_deleted_image_is_shown_as_it_was_before_and_after(at: World) -> None:
    image = await at.upload("gone for a while", title="Here")
    alive = await now()
    await at.append(events.deleted(image))
    dead = await now()
    problem(await at.get(f"/v1/images/{image}"), 404, "not-found")
    assert (await shown(at, image, as_of=alive))["title"] == "Here"
    problem(await at.get(f"/v1/images/{image}", as_of=dead), 404, "not-found")
    await at.append(events.restored(image))
    assert (await shown(at, image, as_of=await now()))["version"] == 3
    problem(await at.get(f"/v1/images/{image}", as_of=dead), 404, "not-found")


@pytest.mark.parametrize("time", ["yesterday", "", "5", "2026-13-01", "null", "12:00", "2026-03-01T12:00:00+99:00"])
async def test_what_is_no_time_is_refused_by_name(at: World, time: str) -> None:
    image = await at.upload("timely")
    said = problem(await at.get(f"/v1/images/{image}", as_of=time), 422, "invalid-request")
    assert said["errors"][0]["pointer"] == "/query/as_of"


async def test_the_future_is_refused_because_it_has_not_been(at: World) -> None:
    image = await at.upload("early")
    for time in ((datetime.now(UTC) + timedelta(hours=1)).isoformat(), "9999-12-31T23:59:59-14:00"):
        said = problem(await at.get(f"/v1/images/{image}", as_of=time), 422, "invalid-request")
        assert "future" in said["detail"]


@pytest.mark.parametrize("time", ["0001-01-01T00:00:00+14:00", "1970-01-01", "2026-03-01T12:00:00Z"])
async def test_before_its_beginning_there_was_no_image(at: World, time: str) -> None:
    problem(await at.get(f"/v1/images/{await at.upload('young')}", as_of=time), 404, "not-found")


async def test_nobody_but_the_owner_is_told_of_the_past(at: World) -> None:
    """Not even that there was one: what is public now was perhaps private then."""
    private = await at.upload("bobs", owner="bob", actor="bob")
    public = await at.upload("bobs public", owner="bob", actor="bob", visibility="public")
    for time in ("2000-01-01T00:00:00Z", await now()):
        for path in ("", "/content"):
            problem(await at.get(f"/v1/images/{private}{path}", as_of=time), 404, "not-found")
            problem(await at.get(f"/v1/images/{public}{path}", as_of=time), 403, "forbidden")
            problem(await at.get(f"/v1/images/{uid('nothing')}{path}", as_of=time), 404, "not-found")
    await at.append(events.deleted(public))
    problem(await at.get(f"/v1/images/{public}", as_of=await now()), 404, "not-found")


async def test_the_past_is_complete_even_where_the_read_model_is_behind(at: World) -> None:
    image = await at.upload("late")
    await at.get(f"/v1/images/{image}")
    with at.projector_frozen():
        await at.append(events.updated(image, changes={"title": "Unseen"}, **OWN))
        time = await now()
        asked = asyncio.create_task(at.client.get(f"/v1/images/{image}", params={"as_of": time}))
        await asyncio.sleep(0.5)
        assert not asked.done()
    assert (await asked).json()["title"] == "Unseen"


async def test_the_bytes_and_pictures_of_then_are_still_there_for_the_owner(at: World) -> None:
    first, second = await at.store(b"the first bytes"), await at.store(b"the second")
    image = uid("bytes")
    made = {"name": "small", "width": 8, "height": 6, "media_type": "image/png", "size": 5, "key": "derived/a"}
    made["sha256"] = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
    await at.objects.put("derived/a", b"hello")
    thumbnail = {"thumbnail": {"renditions": [made]}}
    upload = await at.append(events.uploaded(image, content=first, wanted=(Wanted(algorithm="thumbnail"),), **OWN))
    await at.found(image, first, thumbnail, upload)
    then = await now()
    await at.append(events.updated(image, content=second, replaces_content=True, wanted=(), **OWN))
    assert (await at.get(f"/v1/images/{image}/content")).content == b"the second"
    past = (await at.get(f"/v1/images/{image}", as_of=then)).json()
    assert (await at.get(past["content_url"])).content == b"the first bytes"
    picture = await asked(at, past["renditions"][0]["url"])
    assert (picture.status_code, picture.content) == (200, b"hello")
    assert picture.headers["cache-control"].startswith("private")
    problem(await at.get(f"/v1/images/{image}/renditions/small"), 404, "not-found")
    problem(await at.get(f"/v1/images/{image}/renditions/large", v=made["sha256"]), 404, "not-found")


async def asked(at: World, url: str) -> httpx.Response:
    """An address with a query of its own."""
    return await at.client.get(url)
