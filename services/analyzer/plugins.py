"""The algorithms that are installed: entry points of the group `framelog.algorithms`, those of other packages too."""

import logging
from importlib.metadata import entry_points

from contracts.algorithms import GROUP, Disabled
from services.analyzer.algorithm import Algorithm, Settings

log = logging.getLogger(__name__)


def installed(settings: Settings) -> dict[str, Algorithm]:
    """Every algorithm that can run with these settings, by name. Whatever a broken plug-in raises passes."""
    return looked_up(settings)[0]


def looked_up(settings: Settings) -> tuple[dict[str, Algorithm], dict[str, str]]:
    """Those installed, and of each that cannot run the reason; by name. Raises like `installed`."""
    running: dict[str, Algorithm] = {}
    disabled: dict[str, str] = {}
    for point in sorted(entry_points(group=GROUP), key=lambda point: point.name):
        try:
            algorithm: Algorithm = point.load()(settings)
            running[algorithm.name] = algorithm
        except Disabled as reason:
            log.info("%s is disabled: %s", point.name, reason)
            disabled[point.name] = str(reason)
    return running, disabled
