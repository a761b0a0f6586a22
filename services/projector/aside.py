"""Stepping aside: who was taken over from by code that folds otherwise leaves the log to it, while anybody follows it.

In the middle of an upgrade the older projectors still run when the newer one switches to its read model. Would they
build their own again, as they do when they are started, theirs would be served again, and then the newer one's.
"""

import asyncio
import logging
import time

from aiokafka.errors import KafkaError
from psycopg import AsyncConnection

from adapters.groups import members
from adapters.log import Names
from services.projector import schema
from services.projector.store import LOST

logger = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
FORSAKEN_SECONDS = 60.0
"""So long nobody has followed what is served before it counts as given up. Kafka forgets a dead member after ten."""


def group_of(names: Names, name: str) -> str:
    """The consumer group of those who follow a read model. Other versions look into it: it is called so for ever."""
    return names.physical(f"framelog-projector-{name}")


async def step_aside(postgres: str, kafka: str, names: Names) -> None:
    """After a switch: returns at once where this code has a read model to follow, or none is served; else once that is
    so, or once nobody has followed what is served for a while. What is down meanwhile is waited for.
    """
    followed, told = time.monotonic(), False
    while time.monotonic() - followed < FORSAKEN_SECONDS:
        try:
            other = await _of_other_code(postgres)
            if other is None:
                return
            if not told:
                logger.warning("stepping aside for %s, which other code folds", other)
                told = True
            if await members(kafka, group_of(names, other)):
                followed = time.monotonic()
        except (*LOST, KafkaError):
            followed = time.monotonic()  # who knows
        await asyncio.sleep(LOOK_SECONDS)
    logger.warning("nobody has followed what is served for %g s", FORSAKEN_SECONDS)


async def _of_other_code(postgres: str) -> str | None:
    """The served schema, where this code has none to follow."""
    async with await AsyncConnection.connect(postgres, autocommit=True) as connection:
        if await schema.ready(connection):
            return None
        return await schema.live(connection)
