"""The first version ever seen of an algorithm is promoted once: a newer one that is installed later waits to be."""

import asyncio
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime

from adapters.algorithms import Algorithms
from adapters.log import Log, OutcomeUnknown
from adapters.promotions import Promotions
from contracts import ids
from contracts.algorithms import Descriptor, Promotion, VersionPromoted
from contracts.events import Cause, TryLater
from contracts.problems import Problem

logger = logging.getLogger(__name__)

ACTOR = "framelog"
AFTER_SECONDS = 2.0
"""What is installed is looked up in a process of its own, which must not slow down a start."""
AGAIN_SECONDS = 5.0


async def promote_first(algorithms: Algorithms, promotions: Promotions, log: Log, now: Callable[[], datetime]) -> None:
    """Until it is done, however long the log or the read model is away. Safe to repeat, and in many processes."""
    await asyncio.sleep(AFTER_SECONDS)
    while True:
        try:
            promoted = await promotions.newest()
            for event in first(await algorithms.descriptors(), promoted, await promotions.found()):
                await log.append(event, Cause(event_id=ids.first_version(event.algorithm), source="ingest", time=now()))
                logger.info("promoted", extra={"algorithm": event.algorithm, "version": event.version})
            return
        except (TryLater, OutcomeUnknown, Problem) as later:
            logger.info("versions are promoted later: %s", later)
        await asyncio.sleep(AGAIN_SECONDS)


def first(
    installed: Sequence[Descriptor], promoted: Mapping[str, Promotion], found: Mapping[str, Sequence[int]]
) -> Iterator[VersionPromoted]:
    """What is to be promoted: of each algorithm that runs the lowest version of a fact, else the one installed."""
    for one in installed:
        if one.enabled and one.version and one.name not in promoted:
            version = min(found.get(one.name, ()), default=int(one.version))
            yield VersionPromoted(algorithm=one.name, version=version, actor=ACTOR, expected=0)
