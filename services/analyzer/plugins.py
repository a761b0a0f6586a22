"""The algorithms that are installed: entry points of `framelog.algorithms` and `framelog.network_algorithms`.

Those of other packages too.
"""

import logging
from collections.abc import Collection, Iterable
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from contracts.algorithms import GROUP, NETWORK_GROUP, Disabled
from services.analyzer.algorithm import Algorithm, NetworkAlgorithm, Settings

log = logging.getLogger(__name__)


def installed(settings: Settings) -> dict[str, Algorithm]:
    """Every algorithm that can run in a decoder, by name. Whatever a broken plug-in raises passes."""
    return looked_up(settings)[0]


def looked_up(settings: Settings) -> tuple[dict[str, Algorithm], dict[str, str]]:
    """Those installed, and of each that cannot run the reason; by name. Raises like `installed`."""
    return _made(entry_points(group=GROUP), settings)


def networked(settings: Settings, among: Collection[str]) -> tuple[dict[str, NetworkAlgorithm], dict[str, str]]:
    """The same of those that ask services, whose entry point is named in `among`. The others are not even imported."""
    return _made((one for one in entry_points(group=NETWORK_GROUP) if one.name in among), settings)


def _made(points: Iterable[EntryPoint], settings: Settings) -> tuple[dict[str, Any], dict[str, str]]:
    running: dict[str, Any] = {}
    disabled: dict[str, str] = {}
    for point in sorted(points, key=lambda point: point.name):
        try:
            algorithm = point.load()(settings)
            running[algorithm.name] = algorithm
        except Disabled as reason:
            log.info("%s is disabled: %s", point.name, reason)
            disabled[point.name] = str(reason)
    return running, disabled
