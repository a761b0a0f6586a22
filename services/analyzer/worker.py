"""One task per cause: say that it is taken in hand, find what is wanted of it, say what was found."""

import logging
import time
from collections.abc import Collection, Sequence
from typing import Protocol
from uuid import UUID

from cachetools import LRUCache
from msgspec.structs import asdict

from adapters.metrics import ANALYSED_SECONDS, age
from adapters.telemetry import about
from adapters.teller import Teller
from contracts import ids
from contracts.analyses import AnalysisCompleted, AnalysisFailed, AnalysisStarted, Outcome
from contracts.codec import Event
from contracts.events import Cause, Recorded
from contracts.images import AnalysisRequested, ImageUpdated, ImageUploaded, Wanted
from contracts.reanalysis import ReanalysisRequested
from services.analyzer.analysis import Found
from services.analyzer.precedence import Precedence

logger = logging.getLogger(__name__)

MOST_BEGUN = 10_000  # causes remembered, of at most 1,000 in hand
Asking = ImageUploaded | ImageUpdated | AnalysisRequested | ReanalysisRequested


class Finder(Protocol):
    """Decoders alone (`Analysis`), or with services beside them (`Outside`)."""

    async def find(self, *, sha256: str, storage_key: str, size: int, wanted: Sequence[Wanted]) -> Found: ...


class Worker:
    """Works for one algorithm group. What it is given twice it tells once: the ids follow from the cause alone."""

    def __init__(self, teller: Teller, finder: Finder, group: str, algorithms: Collection[str]) -> None:
        self._teller = teller
        self._finder = finder
        self._group = group
        self._algorithms = frozenset(algorithms)
        self._begun: LRUCache[UUID, None] = LRUCache(MOST_BEGUN)
        self._precedence = Precedence()

    async def handle(self, recorded: Recorded[Event]) -> None:
        """Analyses what the event asks of this group. Raises TryLater while the log or object storage is down."""
        asking = recorded.event
        if not isinstance(asking, Asking):
            return
        begun = begin(asking, recorded.cause.event_id, self._group, self._algorithms)
        if begun is None:
            return
        yielding = self._precedence.last if isinstance(asking, ReanalysisRequested) else self._precedence.first
        async with yielding():
            await self._analyze(begun, asking, recorded)

    async def _analyze(self, begun: AnalysisStarted, asking: Asking, recorded: Recorded[Event]) -> None:
        since = time.perf_counter()
        await self._tell_begun(begun, recorded.cause)
        found = await self._finder.find(
            sha256=begun.sha256,
            storage_key=asking.content.storage_key,
            size=asking.content.size,
            wanted=begun.wanted,
        )
        await self._teller.tell(outcome(begun, found), ids.outcome(begun.cause, self._group), recorded.cause)
        if isinstance(asking, ImageUploaded):
            ANALYSED_SECONDS.labels(self._group).observe(age(recorded.time))
        self._begun.pop(begun.cause, None)
        logger.info("analyzed", extra=_line(recorded, found) | {"ms": round((time.perf_counter() - since) * 1000)})

    async def _tell_begun(self, begun: AnalysisStarted, asked: Cause) -> None:
        """Once, however often the cause is put off: the log keeps every copy for ever."""
        if begun.cause in self._begun:
            return
        await self._teller.tell(begun, ids.started(begun.cause, self._group), asked)
        self._begun[begun.cause] = None


def begin(asking: Asking, cause: UUID, group: str, algorithms: Collection[str]) -> AnalysisStarted | None:
    """What is asked of the group that runs `algorithms`; None if it is nothing."""
    wanted = tuple(one for one in asking.wanted if one.algorithm in algorithms)
    if not wanted:
        return None
    return AnalysisStarted(
        image_id=asking.image_id,
        owner=asking.owner,
        cause=cause,
        group=group,
        sha256=asking.content.sha256,
        wanted=wanted,
    )


def outcome(begun: AnalysisStarted, found: Found) -> Outcome:
    """The one event that ends what was begun."""
    about, failures = asdict(begun), tuple(found.failures)
    if not found.results:
        return AnalysisFailed(**about, failures=failures)
    return AnalysisCompleted(**about, results=tuple(found.results), failures=failures)


def _line(recorded: Recorded[Event], found: Found) -> dict[str, object]:
    cause = recorded.cause
    return {
        **about(cause.event_id, recorded.type, recorded.event.image_id, recorded.position, cause.traceparent),
        "results": [one.algorithm for one in found.results],
        "failures": {one.algorithm: one.type for one in found.failures},
    }
