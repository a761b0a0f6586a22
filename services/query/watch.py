"""What the API says of the read model for others to watch: how far it is behind the log, and what nobody has settled.

It is told here and not by the projector, since the projector may be what has died.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Mapping
from typing import NamedTuple

from adapters.ends import Ends
from adapters.metrics import DEAD_LETTERS_OPEN, LAG_RECORDS, LAG_SECONDS
from adapters.read_model import ReadModel
from contracts.events import TryLater
from contracts.topics import TOPICS

LOOK_SECONDS = 5.0
MOST_GOALS = 1_000
PROJECTED = tuple(topic for topic in TOPICS if "projector" in topic.consumers)
STANDS = "SELECT topic, partition, next_offset FROM projection.offsets JOIN projection.live USING (schema)"
OPEN = "SELECT consumer, count(*) AS letters FROM letters WHERE state = 'buried' GROUP BY consumer"

Places = Mapping[tuple[str, int], int]
"""Offsets by topic and partition."""

logger = logging.getLogger(__name__)


class Goal(NamedTuple):
    """Where the log ended, and when."""

    at: float
    ends: Places


class Watch:
    """`clock` tells seconds that never step back."""

    def __init__(self, read_model: ReadModel, ends: Ends, clock: Callable[[], float]) -> None:
        self._read_model = read_model
        self._ends = ends
        self._clock = clock
        self._goals: deque[Goal] = deque()
        LAG_SECONDS.set_function(self._behind)

    async def run(self) -> None:
        """Until cancelled. While Kafka is down the log does not grow; while Postgres is, the lag does."""
        while True:
            try:
                await self._look()
            except TryLater as down:
                logger.debug("the read model is not looked at: %s", down)
            await asyncio.sleep(LOOK_SECONDS)

    async def _look(self) -> None:
        asked = self._clock()
        found = [(topic.name, await self._ends.of(topic)) for topic in PROJECTED]
        ends = {(topic, partition): end for topic, every in found for partition, end in every.items()}
        if len(self._goals) < MOST_GOALS:
            self._goals.append(Goal(asked, ends))
        stands = {(row["topic"], row["partition"]): row["next_offset"] for row in await self._read_model.rows(STANDS)}
        while self._goals and reached(stands, self._goals[0].ends):
            self._goals.popleft()
        for topic, every in found:
            lag = sum(max(0, end - stands.get((topic, partition), 0)) for partition, end in every.items())
            LAG_RECORDS.labels(topic).set(lag)
        await self._count_letters()

    async def _count_letters(self) -> None:
        DEAD_LETTERS_OPEN.clear()
        for row in await self._read_model.rows(OPEN):
            DEAD_LETTERS_OPEN.labels(row["consumer"]).set(row["letters"])

    def _behind(self) -> float:
        """Since the oldest place that the read model has not come to. Asked from another thread, or between looks."""
        goals = tuple(self._goals)
        return self._clock() - goals[0].at if goals else 0.0


def reached(stands: Places, goal: Places) -> bool:
    return all(stands.get(at, 0) >= end for at, end in goal.items())
