"""The analyzer, or one of its decoders, is killed at each point of a picture's way."""

import asyncio

from tests.faults.drill import Act, drill
from tests.faults.invariants import nothing_failed
from tests.faults.links import Seen, Where, get_of, produce_of

ORIGINAL = get_of("originals/")
COMPLETED = produce_of("framelog.analysis.completed")
TIMES = 2
TAKEN_OVER = 40.0
"""Seconds: a killed analyzer's partitions wait for its session to end."""
LARGE = (1600, 1200)
"""A picture that takes about DECODED seconds."""
DECODED = 0.1


async def killed_at(act: Act, server: str, seen: Seen, where: Where) -> None:
    stage, link = act.stage, act.stage.link("analyzer", server)
    act.checks.append(nothing_failed)
    async with act.load(clients=3):
        for _ in range(TIMES):
            nth = stage.chance.randint(2, 6)
            await link.spring(seen, where, nth, stage.killer("analyzer"), within=TAKEN_OVER)
            await act.pause(0.5, 2.0)


@drill(links=[("analyzer", "s3")])
async def analyzer_killed_mid_decode(act: Act) -> None:
    """kill -9 of the analyzer while its decoders have pictures in hand: one of them has just been handed its own."""
    stage, link = act.stage, act.stage.link("analyzer", "s3")
    act.checks.append(nothing_failed)
    async with act.load(clients=3, size=LARGE):
        for _ in range(TIMES):
            nth = stage.chance.randint(2, 6)
            await link.spring(ORIGINAL, "answer", nth, _nothing, passes=True, within=TAKEN_OVER)
            await act.pause(0, DECODED)
            await stage.kill("analyzer")
            await act.pause(0.5, 2.0)


async def _nothing() -> None:
    await asyncio.sleep(0)


@drill(links=[("analyzer", "s3")])
async def decoder_killed(act: Act) -> None:
    """kill -9 of single decoders, as the kernel does when memory is short: the picture is tried again, alone."""
    stage, link = act.stage, act.stage.link("analyzer", "s3")
    act.checks.append(nothing_failed)
    seen: set[bytes] = set()

    def read_for_the_first_time(request: bytes) -> bool:
        """A picture whose second decoder dies too has failed, as it should."""
        known = len(seen)
        seen.update([request.split(b"\r\n", 1)[0]] if ORIGINAL(request) else [])
        return len(seen) > known

    async def kill_one() -> None:
        stage.chance.choice(await stage.decoders()).kill()

    async with act.load(clients=3):
        for _ in range(2 * TIMES):
            await link.spring(read_for_the_first_time, "answer", stage.chance.randint(1, 4), kill_one)
            await act.pause(1.0, 2.0)


@drill(links=[("analyzer", "kafka")])
async def analyzer_killed_between_result_and_event(act: Act) -> None:
    """kill -9 of the analyzer when the results are in the store and their event is not in the log."""
    await killed_at(act, "kafka", COMPLETED, "request")


@drill(links=[("analyzer", "kafka")])
async def analyzer_killed_between_event_and_ack(act: Act) -> None:
    """kill -9 of the analyzer when the event is in the log and what it is about is not acknowledged."""
    await killed_at(act, "kafka", COMPLETED, "answer")
