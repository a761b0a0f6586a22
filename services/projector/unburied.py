"""What a build could not read and nobody has buried: builds tell nobody anything, and live projection begins after."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from functools import partial

from aiokafka.errors import KafkaError
from psycopg.errors import UndefinedTable

from contracts.events import Position, TryLater, Undecodable
from contracts.topics import DEAD_LETTERS
from services.projector.parking import again
from services.projector.positions import ends
from services.projector.reader import Bury, Ends
from services.projector.source import Log
from services.projector.store import LOST, Store, Switched
from services.projector.waiting import Waiting

logger = logging.getLogger(__name__)

LOOK_SECONDS = 0.5
BACK_OFF_SECONDS = 2.0


async def bury_what_is_left(connect: Callable[[], Awaitable[Store]], log: Log, bury: Bury) -> None:
    """Returns once every unreadable record that waited at the start has its dead letter. Raises Switched."""
    while True:
        try:
            store = await connect()
            try:
                await _bury(store, log, bury)
                return
            finally:
                await store.close()
        except UndefinedTable:  # two rebuilds, while this slept
            raise Switched from None
        except (*LOST, KafkaError, TryLater) as down:
            logger.warning("looking again in %s s for what nobody has buried: %s", BACK_OFF_SECONDS, down)
            await asyncio.sleep(BACK_OFF_SECONDS)


async def _bury(store: Store, log: Log, bury: Bury) -> None:
    """One projector at a time. What has been buried by now is known once the dead letters of now are folded."""
    left = await store.waiting.unburied()
    if left:
        await _until(store.waiting.alone)
        goal = {at: end for at, end in (await ends(log)).items() if at[0] == DEAD_LETTERS.name}
        await _until(partial(_stands_at, store, goal))
        for at in set(left) & set(await store.waiting.unburied()):
            await _bury_one(store.waiting, at, bury)


async def _stands_at(store: Store, goal: Ends) -> bool:
    stands = await store.ends()
    return all(stands.get(at, 0) >= end for at, end in goal.items())


async def _until(true: Callable[[], Awaitable[bool]]) -> None:
    while True:
        if await true():
            return
        await asyncio.sleep(LOOK_SECONDS)


async def _bury_one(waiting: Waiting, at: Position, bury: Bury) -> None:
    encoded = await waiting.record(at)
    read = again(encoded) if encoded else None
    if read and isinstance(read.said, Undecodable):
        await bury(read.record, read.said)
        logger.error("buried %s", read.said)
