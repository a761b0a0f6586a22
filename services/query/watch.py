"""What the API says of the house for others to watch: how far the read model is behind the log, how many dead letters
nobody has settled, and how many orphans the last look found.

It is told here and not by the projector, since the projector may be what has died.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Mapping
from typing import NamedTuple

from adapters.ends import Ends
from adapters.metrics import DEAD_LETTERS_OPEN, LAG_RECORDS, LAG_SECONDS, ORPHANS, ORPHANS_AGE_SECONDS, tell
from adapters.read_model import STANDS, ReadModel
from contracts.dead_letters import PROJECTOR
from contracts.events import TryLater
from contracts.topics import TOPICS

LOOK_SECONDS, SOON_SECONDS = 5.0, 1.0
MOST_GOALS = 1_000
PROJECTED = tuple(topic for topic in TOPICS if "projector" in topic.consumers)
NAMES = tuple(topic.name for topic in PROJECTED)
OPEN = "SELECT consumer, count(*) AS letters FROM dead_letters WHERE standing = 'buried' GROUP BY consumer"
ORPHANED = "SELECT objects, extract(epoch FROM now() - looked_at)::float8 AS age FROM unlogged.orphans"

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
        self._buriers = {PROJECTOR}
        LAG_SECONDS.set_function(self._behind)

    async def run(self) -> None:
        """Until cancelled. While Kafka is down the log does not grow; while Postgres is, the lag does."""
        tell(LAG_SECONDS)
        while True:
            try:
                await self._look()
            except TryLater as down:
                logger.debug("the read model is not looked at: %s", down)
            await asyncio.sleep(SOON_SECONDS if self._goals else LOOK_SECONDS)

    async def _look(self) -> None:
        asked = self._clock()
        found = list(zip(NAMES, await asyncio.gather(*map(self._ends.of, PROJECTED)), strict=True))
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
        await self._count_orphans()

    async def _count_letters(self) -> None:
        """None is told too: of the projector, and of whoever had some."""
        found = {row["consumer"]: row["letters"] for row in await self._read_model.rows(OPEN)}
        self._buriers.update(found)
        for consumer in self._buriers:
            DEAD_LETTERS_OPEN.labels(consumer).set(found.get(consumer, 0))

    async def _count_orphans(self) -> None:
        for row in await self._read_model.rows(ORPHANED):
            tell(ORPHANS).set(row["objects"])
            tell(ORPHANS_AGE_SECONDS).set(row["age"])

    def _behind(self) -> float:
        """Since the oldest place that the read model has not come to. Asked from another thread, or between looks."""
        goals = tuple(self._goals)
        return self._clock() - goals[0].at if goals else 0.0


def reached(stands: Places, goal: Places) -> bool:
    return all(stands.get(at, 0) >= end for at, end in goal.items())
