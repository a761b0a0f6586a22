"""The same uploads once more, in a house where there is one projector and one analyzer: what comes of them there."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx

from tests.faults.calls import Call
from tests.faults.evidence import Evidence, Facts, asked, facts
from tests.faults.houses import own_house
from tests.faults.invariants import Broken
from tests.faults.stage import Stage
from tests.running import House, Stack, answers

WITHIN = 120.0
AT_ONCE = 4
UNFINISHED = "SELECT count(*) FROM framelog.described_images WHERE status IN ('queued', 'running')"


async def facts_of_one(stage: Stage, calls: Iterable[Call]) -> Facts:
    """Of the uploads among the calls that were acknowledged. Equal requests make equal ids. Raises TimeoutError."""
    uploads = [call for call in calls if call.image_id]
    async with asyncio.timeout(WITHIN), _another_house(stage.house.stack) as house:
        async with house.api() as client, house.run("services.projector"), house.run("services.analyzer"):
            await answers(client, "/readyz", 200)
            await _uploaded(client, uploads)
            await _finished(house, len(uploads))
        return await facts(house)


@asynccontextmanager
async def _another_house(stack: Stack) -> AsyncIterator[House]:
    with TemporaryDirectory() as folder:
        (Path(folder) / "logs").mkdir()
        async with own_house(stack, Path(folder), (), False) as house:
            yield house


async def _uploaded(client: httpx.AsyncClient, calls: list[Call]) -> None:
    left = iter(calls)

    async def work() -> None:
        for call in left:
            answer = await call.ask.send(client)
            assert answer.json()["id"] == call.said["id"], answer.text

    await asyncio.gather(*(work() for _ in range(AT_ONCE)))


async def _finished(house: House, images: int) -> None:
    while True:
        ((made,),) = await asked(house, "SELECT count(*) FROM framelog.images")
        ((unfinished,),) = await asked(house, UNFINISHED)
        if made == images and unfinished == 0:
            return
        await asyncio.sleep(0.3)


def same_facts(seen: Evidence, alone: Facts) -> Iterator[Broken]:
    """Whatever one analyzer finds, many have found."""
    if not alone:
        yield Broken("I3", "a single analyzer has found nothing")
    for fact, result in alone.items():
        if seen.facts.get(fact) != result:
            yield Broken("I3", f"{fact} is {seen.facts.get(fact)}, and {result} where there is one analyzer")
