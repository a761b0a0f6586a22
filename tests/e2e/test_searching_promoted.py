"""Every search that asks a fact follows promotions at once: the facts of two versions are there all the time."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio

from contracts.algorithms import VersionPromoted
from tests import events
from tests.events import uid
from tests.query.world import World, world
from tests.running import Stack

pytestmark = pytest.mark.asyncio(loop_scope="module")

OLD: dict[str, dict[str, Any]] = {
    "exif": {"make": "Canon", "model": "EOS", "taken_at": "2001-01-01T00:00:00"},
    "colors": {"palette": [{"color": "#ff0000", "share": 1.0}]},
    "classification": {"labels": [{"label": "cat", "score": 1.0}]},
    "caption": {"caption": "a lighthouse"},
    "hash": {"phash": "0" * 16},
}
NEW: dict[str, dict[str, Any]] = {
    "exif": {"make": "Nikon", "model": "Z", "taken_at": "2011-01-01T00:00:00"},
    "colors": {"palette": [{"color": "#0000ff", "share": 1.0}]},
    "classification": {"labels": [{"label": "dog", "score": 1.0}]},
    "caption": {"caption": "a windmill"},
    "hash": {"phash": "f" * 16},
}
SEARCHES = {
    "exif": ({"camera": "canon"}, {"camera": "nikon"}),
    "colors": ({"color": "#ff0000"}, {"color": "#0000ff"}),
    "classification": ({"label": "cat"}, {"label": "dog"}),
    "caption": ({"q": "lighthouse"}, {"q": "windmill"}),
    "hash": ({"near": str(uid("like old"))}, {"near": str(uid("like new"))}),
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def library(stack: Stack) -> AsyncIterator[World]:
    async with world(stack) as one:
        image = await one.upload("both", OLD)
        await one.found(image, events.content("both"), NEW, uid(("upload", "both")), version=2)
        await one.upload("like old", {"hash": {"phash": "0" * 16}})
        await one.upload("like new", {"hash": {"phash": "f" * 16}})
        yield one


async def promote(library: World, algorithm: str, version: int) -> None:
    await library.append(VersionPromoted(algorithm=algorithm, version=version, actor="admin"))


async def finds(library: World, query: dict[str, Any]) -> bool:
    found: list[UUID] = await library.listed(**query)
    return uid("both") in found


@pytest.mark.parametrize("algorithm", SEARCHES)
async def test_a_search_finds_by_the_version_that_speaks(library: World, algorithm: str) -> None:
    old, new = SEARCHES[algorithm]
    for version in (1, 2, 1, 7):
        await promote(library, algorithm, version)

        async def follows(version: int = version) -> bool:
            spoken = 1 if version == 1 else 2  # of a version that it has not, an image shows its highest
            return (await finds(library, old), await finds(library, new)) == (spoken == 1, spoken == 2)

        assert await library.until(follows)


async def test_an_order_by_time_taken_follows_too(library: World) -> None:
    for version, year in ((1, "2001"), (2, "2011")):
        await promote(library, "exif", version)
        after, before = f"{year}-01-01", f"{year}-01-02"
        assert await library.listed(taken_after=after, taken_before=before, sort="taken_at") == [uid("both")]
