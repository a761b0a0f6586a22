"""Who has new events: one question to the read model per process, however many accounts listen."""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from adapters.read_model import ReadModel
from contracts.events import TryLater
from services.query.places import Place

POLL_SECONDS = 0.25
LATER_SECONDS = 1.0
MOST_AT_ONCE = 500

STANDS = "SELECT topic, partition, next_offset FROM projection.offsets JOIN projection.live USING (schema)"
ARRIVED = f"""
SELECT at.topic, at.partition, max(event."offset") + 1 AS next_offset, array_agg(DISTINCT event.owner) AS owners
FROM unnest(%s::text[], %s::int[], %s::bigint[]) AS at (topic, partition, next_offset)
CROSS JOIN LATERAL (
    SELECT owner, "offset" FROM events
    WHERE events.topic = at.topic AND events.partition = at.partition AND events."offset" >= at.next_offset
    ORDER BY "offset" LIMIT {MOST_AT_ONCE}
) AS event
GROUP BY at.topic, at.partition
"""

logger = logging.getLogger(__name__)


async def stands(read_model: ReadModel) -> Place:
    """Where the read model has got to in each partition."""
    return {(row["topic"], row["partition"]): row["next_offset"] for row in await read_model.rows(STANDS)}


class Bell:
    """Rings for an account when the read model has new events of it. It may ring for nothing, and asks for nobody."""

    def __init__(self, read_model: ReadModel) -> None:
        self._read_model = read_model
        self._listening: defaultdict[str, list[asyncio.Event]] = defaultdict(list)
        self._asking: asyncio.Task[None] | None = None

    @contextmanager
    def listening(self, account: str) -> Iterator[asyncio.Event]:
        """What is set when it rings; whoever has heard it clears it."""
        rung = asyncio.Event()
        self._listening[account].append(rung)
        if self._asking is None:
            self._asking = asyncio.create_task(self._ask())
        try:
            yield rung
        finally:
            self._listening[account].remove(rung)
            if not self._listening[account]:
                del self._listening[account]

    def of(self, account: str) -> int:
        """How often an account listens."""
        return len(self._listening.get(account, ()))

    def of_all(self) -> int:
        return sum(map(len, self._listening.values()))

    def ring(self, accounts: Iterable[str]) -> None:
        for account in accounts:
            for rung in self._listening.get(account, ()):
                rung.set()

    def ring_all(self) -> None:
        self.ring(list(self._listening))

    async def _ask(self) -> None:
        place: Place = {}
        try:
            while self._listening:
                try:
                    place = await self._rung(place) if place else await self._begun()
                    await asyncio.sleep(POLL_SECONDS)
                except TryLater as down:
                    logger.debug("the read model does not answer: %s", down)
                    await asyncio.sleep(LATER_SECONDS)
        finally:
            self._asking = None

    async def _begun(self) -> Place:
        place = await stands(self._read_model)
        self.ring_all()  # who asked before has perhaps missed what came since
        return place

    async def _rung(self, place: Place) -> Place:
        topics, partitions = zip(*place, strict=True)
        found = await self._read_model.rows(ARRIVED, (list(topics), list(partitions), list(place.values())))
        self.ring({owner for row in found for owner in row["owners"] if owner})
        return {**place, **{(row["topic"], row["partition"]): row["next_offset"] for row in found}}
