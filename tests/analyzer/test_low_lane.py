"""What campaigns ask for is analysed when nothing else is: a fresh upload does not wait behind two thousand of them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from PIL import Image

from contracts.images import Wanted
from contracts.reanalysis import ReanalysisRequested
from services.analyzer.precedence import Precedence
from tests import events, pictures
from tests.analyzer.test_worker_process import ANALYZER, Line, line  # noqa: F401 - a fixture
from tests.analyzer.told import Told, told
from tests.events import uid

WANTED = (Wanted(algorithm="hash"), Wanted(algorithm="colors"))
BACKLOG = 2_000
BEFORE = 30
FEW = 60
"""Of the backlog may end between an upload and its outcome: what was in hand, and what this test reads late."""


def coloured(number: int) -> bytes:
    return pictures.encoded(Image.new("RGB", (64, 48), (number % 256, number // 256, 128)), "PNG")


async def ask(line: Line, number: int) -> None:  # noqa: F811
    content = await line.keep(coloured(number))
    image_id = uid(("old", number))
    event = ReanalysisRequested(
        image_id=image_id, owner="alice", actor="admin", campaign="hash-2", content=content, wanted=WANTED
    )
    await line.say(event, ("asked", number))


async def backlog(line: Line, count: int) -> None:  # noqa: F811
    for start in range(0, count, 100):
        await asyncio.gather(*(ask(line, number) for number in range(start, start + 100)))


@asynccontextmanager
async def listening(line: Line) -> AsyncIterator[Told]:  # noqa: F811
    async with told(line.house) as heard:
        yield heard


async def test_an_upload_is_analysed_at_once_while_two_thousand_old_images_wait(line: Line) -> None:  # noqa: F811
    await backlog(line, BACKLOG)
    fresh = await line.keep(pictures.photograph(seed=1))
    async with listening(line) as heard, line.house.run(ANALYZER, analyzer_children=2):
        await heard.outcomes(BEFORE)
        passed_by = []
        for number in range(5):
            before = len(heard.ended)
            await line.say(events.uploaded(uid(("fresh", number)), content=fresh, wanted=WANTED), ("uploaded", number))
            await heard.of(uid(("fresh", number)))
            passed_by.append(len(heard.ended) - before)
        assert min(passed_by) < FEW, passed_by  # the least: a machine that is busy reads late
        assert len(heard.ended) < BACKLOG, "the backlog was over: this showed nothing"
        await heard.outcomes(len(heard.ended) + BEFORE)  # and it goes on


@pytest.mark.parametrize("waits", [False, True])
async def test_the_last_begin_when_none_of_the_first_is_in_hand(waits: bool) -> None:
    precedence, began = Precedence(), asyncio.Event()

    async def low() -> None:
        async with precedence.last():
            began.set()

    if not waits:
        await low()
        assert began.is_set()
        return
    async with precedence.first(), precedence.first():
        task = asyncio.create_task(low())
        await asyncio.sleep(0.01)
        assert not began.is_set()
    await task
    assert began.is_set()
