"""The algorithms that are installed: entry points of the group `framelog.algorithms`, those of other packages too."""

import logging
from collections.abc import Iterator
from importlib.metadata import entry_points

from contracts.algorithms import GROUP, Disabled
from services.analyzer.algorithm import Algorithm, Settings

log = logging.getLogger(__name__)


def installed(settings: Settings) -> dict[str, Algorithm]:
    """Every algorithm that can run with these settings, by name. Whatever a broken plug-in raises passes."""
    return {algorithm.name: algorithm for algorithm in _made(settings)}


def _made(settings: Settings) -> Iterator[Algorithm]:
    for point in sorted(entry_points(group=GROUP), key=lambda point: point.name):
        try:
            yield point.load()(settings)
        except Disabled as reason:
            log.info("%s is disabled: %s", point.name, reason)
