"""Whether this process can be sent requests."""

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass

from adapters.ends import Ends
from adapters.objects import Objects, StoreRefused
from adapters.read_model import ReadModel
from contracts.events import Position, TryLater
from contracts.topics import TOPICS, Topic

PROBE_SECONDS = 2.0
REACHED_SECONDS = 0.5
PROJECTED: tuple[Topic, ...] = tuple(topic for topic in TOPICS if "projector" in topic.consumers)


@dataclass(frozen=True, slots=True)
class State:
    """`down`: without these nothing can be promised. `degraded`: without these much is answered, and uploads taken."""

    down: tuple[str, ...] = ()
    degraded: tuple[str, ...] = ()


class Readiness:
    """Ready once the read model has reached the log as it stood at the first question; from then on, while Kafka and
    object storage answer.
    """

    def __init__(self, read_model: ReadModel, ends: Ends, objects: Objects) -> None:
        self._read_model = read_model
        self._ends = ends
        self._objects = objects
        self._goal: list[Position] | None = None
        self._caught_up = False

    async def state(self) -> State:
        kafka, storage = await asyncio.gather(_answers(self._ends_of_all()), _answers(self._objects.ready()))
        postgres = await _answers(self._ask_postgres())
        down = tuple(name for name, answers in (("kafka", kafka), ("object storage", storage)) if not answers)
        if not self._caught_up:
            return State(down=(*down, *(("read model",) if postgres else ("postgres",))))
        return State(down=down, degraded=() if postgres else ("postgres",))

    async def _ends_of_all(self) -> None:
        found = [(topic, await self._ends.of(topic)) for topic in PROJECTED]
        if self._goal is None:
            self._goal = [
                Position(topic.name, partition, end) for topic, ends in found for partition, end in ends.items() if end
            ]

    async def _ask_postgres(self) -> None:
        await self._read_model.rows("SELECT 1")
        if self._goal is not None and not self._caught_up:
            self._caught_up = await self._has_reached(self._goal)

    async def _has_reached(self, goal: list[Position]) -> bool:
        if not await _answers(self._read_model.rows("SELECT FROM images LIMIT 1")):
            return False  # nobody has made a read model yet
        return all(await asyncio.gather(*(self._read_model.reached(end, REACHED_SECONDS) for end in goal)))


async def _answers(asking: Awaitable[object]) -> bool:
    try:
        async with asyncio.timeout(PROBE_SECONDS):
            await asking
        return True
    except (TryLater, StoreRefused, TimeoutError):
        return False
