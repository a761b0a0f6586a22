"""The analyzer: finds what pictures say, and tells the log."""

import logging
import os
import sys
import time
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import entry_points

from adapters import stream, tracing, vitals
from adapters.ending import leave
from adapters.groups import analyzer_group
from adapters.log import Log, Names
from adapters.objects import Objects
from adapters.stream import Pace, Stream
from adapters.telemetry import log_as_json
from adapters.teller import RETRIES, Teller
from adapters.tolerance import Limits
from contracts.algorithms import NETWORK_GROUP
from contracts.topics import IMAGES, REANALYSIS
from services.analyzer.algorithm import NetworkAlgorithm
from services.analyzer.analysis import Analysis, Setup
from services.analyzer.setups import unstored
from services.analyzer.versions import AnotherModel, claim
from services.analyzer.worker import Finder, Worker
from services.settings import Analyzer as Settings

logger = logging.getLogger("analyzer")


async def analyze(settings: Settings) -> None:
    """Until SIGTERM or SIGINT."""
    stop, names = stream.told_to_stop(), Names(settings.topic_prefix)
    finding = outside(settings) if asks_services(settings) else decoders(settings)
    async with Log(settings.kafka, names) as log, finding as (finder, windows, pace):
        algorithms = settings.algorithm_groups[settings.group]
        teller = Teller(log, f"analyzer-{settings.group}", lambda: datetime.now(UTC))
        worker = Worker(teller, finder, settings.group, algorithms)
        limits = Limits(settings.undecodable_run, settings.undecodable_ratio)
        events = Stream(settings.kafka, names, analyzer_group(names, settings.group), stop, pace, limits)
        logger.info("analyzing", extra={"group": settings.group, "algorithms": algorithms})
        await events.consume({**windows, **RETRIES}, teller.again(worker.handle), teller.bury)


Finding = tuple[Finder, Mapping[str, int], Pace]
"""Who finds, in how many images of each topic at once, and how patiently."""


@asynccontextmanager
async def decoders(settings: Settings) -> AsyncIterator[Finding]:
    async with Analysis(setup(settings), settings.analyzer_children) as analysis:
        low = settings.analyzer_low_window or settings.analyzer_children or os.cpu_count() or 1
        yield analysis, {IMAGES.name: settings.analyzer_window, REANALYSIS.name: low}, Pace()


@asynccontextmanager
async def outside(settings: Settings) -> AsyncIterator[Finding]:
    """Decoders, and the services that the algorithms of the group ask."""
    from services.analyzer import plugins  # strangers' code, and Pillow: for the groups that need it alone
    from services.analyzer.lateness import Lateness
    from services.analyzer.outside import Installed, Outside
    from services.analyzer.results import Results
    from services.analyzer.small import Smalls

    groups, names = settings.algorithm_groups, settings.algorithm_groups[settings.group]
    installed = Installed(*plugins.networked(settings.for_network_algorithms(), names))
    thumbnails = next((group for group, members in groups.items() if "thumbnail" in members), settings.group)
    async with AsyncExitStack() as opened:
        objects = await opened.enter_async_context(objects_of(settings))
        await claimed(objects, installed.running.values())
        for algorithm in installed.running.values():
            await opened.enter_async_context(algorithm)
        # Where every algorithm waits for others, one decoder keeps them in pictures.
        children = settings.analyzer_children or int({*installed.running, *installed.disabled}.issuperset(names))
        analysis = await opened.enter_async_context(Analysis(setup(settings), children))
        smalls, results = Smalls(objects, analysis, Results(objects, thumbnails)), Results(objects, settings.group)
        finder = Outside(analysis, smalls, results, installed, Lateness(time.monotonic))
        patience = max((one.seconds for one in installed.running.values()), default=0.0)
        low = settings.analyzer_low_window or max(1, settings.caption_at_once // 2)
        windows = {IMAGES.name: settings.network_window, REANALYSIS.name: low}
        yield finder, windows, Pace(stuck=Pace().stuck + patience)


async def claimed(objects: Objects, algorithms: Iterable[NetworkAlgorithm]) -> None:
    """Ends the process where a version names another model already."""
    try:
        await claim(objects, algorithms)
    except AnotherModel as another:
        print(another, file=sys.stderr)
        raise SystemExit(2) from None


def asks_services(settings: Settings) -> bool:
    """The group has an algorithm that does."""
    return any(one.name in settings.algorithm_groups[settings.group] for one in entry_points(group=NETWORK_GROUP))


def objects_of(settings: Settings) -> Objects:
    return Objects(settings.s3, settings.s3_access_key, settings.s3_secret_key, settings.s3_bucket, settings.s3_region)


def setup(settings: Settings) -> Setup:
    """What the decoders are told."""
    return replace(
        unstored(settings, settings.algorithm_groups[settings.group]),
        s3=settings.s3,
        access_key=settings.s3_access_key,
        secret_key=settings.s3_secret_key,
        bucket=settings.s3_bucket,
        region=settings.s3_region,
        group=settings.group,
    )


def main() -> int:
    settings = Settings.read_or_exit()
    if settings.group not in settings.algorithm_groups:
        known = ", ".join(settings.algorithm_groups)
        print(f"FRAMELOG_GROUP: {settings.group} is none of FRAMELOG_ALGORITHM_GROUPS ({known})", file=sys.stderr)
        return 2
    log_as_json(settings.log_level)
    vitals.serve(settings.metrics)
    tracing.export(f"analyzer-{settings.group}", settings.traces)
    return stream.run(analyze(settings), settings.kafka)


if __name__ == "__main__":
    leave(main())
