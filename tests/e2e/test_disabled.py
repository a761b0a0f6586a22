"""An algorithm that is wanted and that no group runs has failed, as far as the house's settings go at the moment."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import httpx
import pytest
import pytest_asyncio

from contracts.analyses import Failure
from contracts.images import Wanted
from tests import events
from tests.events import uid
from tests.query.world import World, ready, served, world
from tests.running import Stack

pytestmark = pytest.mark.asyncio(loop_scope="module")

HASH, ORACLE = Wanted(algorithm="hash"), Wanted(algorithm="oracle")
HASHED = {"hash": {"phash": "00000000000000ff"}}
STATUSES = ("queued", "running", "completed", "partial", "failed")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def library(stack: Stack) -> AsyncIterator[World]:
    async with world(stack, algorithm_groups="core=hash") as library:
        await library.upload("nothing but that", wanted=(ORACLE,))
        await library.upload("that and one that waits", wanted=(ORACLE, HASH))
        await library.upload("that and one that is there", HASHED, wanted=(ORACLE, HASH))
        await library.upload("found before", {"oracle": {"fate": "good"}}, wanted=(ORACLE,))
        await library.upload("in somebody's hands", wanted=(ORACLE,))
        begun = (uid("in somebody's hands"), uid(("upload", "in somebody's hands")))
        await library.append(events.started(*begun, owner="admin", wanted=(ORACLE,)))
        await library.upload("failed before", wanted=(ORACLE,))
        failed = (uid("failed before"), uid(("upload", "failed before")))
        failure = Failure(algorithm="oracle", type="algorithm-failed", detail="clouds")
        await library.append(events.failed(*failed, owner="admin", wanted=(ORACLE,), failures=(failure,)))
        await library.upload(
            "found, but not so", HASHED, wanted=(Wanted(algorithm="oracle", params={"deck": "tarot"}),)
        )
        unasked = (uid("found, but not so"), events.content("found, but not so"), {"oracle": {"fate": "good"}})
        await library.found(*unasked, uid("somebody else"))
        await library.upload("as ever", HASHED, wanted=(HASH,))
        yield library


async def analysis(library: World, name: str) -> dict[str, Any]:
    answer = await library.get(f"/v1/images/{uid(name)}")
    assert answer.status_code == 200
    return dict(answer.json()["analysis"])


async def settled(library: World, name: str, status: str) -> dict[str, Any]:
    async def there() -> dict[str, Any] | None:
        found = await analysis(library, name)
        return found if found["status"] == status else None

    return await library.until(there)


OFF = {
    "algorithm": "oracle",
    "type": "/problems/algorithm-disabled",
    "title": "This algorithm is not enabled",
    "detail": "no group of FRAMELOG_ALGORITHM_GROUPS runs it",
    "attempts": 0,
}


@pytest.mark.parametrize(
    ("name", "status", "failures"),
    [
        ("nothing but that", "failed", [OFF]),
        ("that and one that is there", "partial", [OFF]),
        ("in somebody's hands", "failed", [OFF | {"attempts": 1}]),
        ("found before", "completed", []),
        ("as ever", "completed", []),
    ],
)
async def test_what_no_group_runs_has_failed_unless_it_was_found_before(
    library: World, name: str, status: str, failures: list[dict[str, Any]]
) -> None:
    assert (await settled(library, name, status))["failures"] == failures


async def test_while_another_one_waits_the_image_is_running_and_shows_the_failure(library: World) -> None:
    shown = await settled(library, "that and one that waits", "running")
    assert shown["failures"] == [OFF]


async def test_why_it_failed_before_is_not_forgotten(library: World) -> None:
    (failure,) = (await settled(library, "failed before", "failed"))["failures"]
    assert (failure["type"], failure["detail"]) == ("/problems/algorithm-failed", "clouds")


async def test_images_are_found_by_that_status(library: World) -> None:
    await settled(library, "in somebody's hands", "failed")
    await settled(library, "failed before", "failed")
    found = {status: set(await library.listed(status=status)) for status in STATUSES}
    assert found == {
        "queued": set(),
        "running": {uid("that and one that waits")},
        "completed": {uid("found before"), uid("as ever")},
        "partial": {uid("that and one that is there")},
        "failed": set(map(uid, ("nothing but that", "in somebody's hands", "failed before", "found, but not so"))),
    }


async def test_a_house_that_runs_it_again_waits_for_it_again(library: World) -> None:
    """Nothing is stored of it: two APIs with other settings read the same rows."""
    await settled(library, "nothing but that", "failed")
    async with (
        served(library.house, algorithm_groups="core=hash,own=oracle") as url,
        httpx.AsyncClient(base_url=url, timeout=30, headers=library.client.headers) as client,
    ):
        await ready(client)
        shown = (await client.get(f"/v1/images/{uid('nothing but that')}")).json()["analysis"]
        begun = (await client.get("/v1/images", params={"status": "running"})).json()["items"]
    assert (shown["status"], shown["failures"]) == ("queued", [])
    assert {UUID(one["id"]) for one in begun} == {uid("in somebody's hands"), uid("that and one that is there")}
