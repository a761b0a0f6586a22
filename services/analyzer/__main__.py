"""The analyzer: finds what pictures say, and tells the log."""

import logging
import sys
from dataclasses import replace
from datetime import UTC, datetime

from adapters import stream
from adapters.groups import analyzer_group
from adapters.log import Log, Names
from adapters.stream import Stream
from adapters.telemetry import log_as_json, serve_metrics
from adapters.teller import Teller
from contracts.topics import IMAGES
from services.analyzer.analysis import Analysis, Setup
from services.analyzer.setups import unstored
from services.analyzer.worker import Worker
from services.settings import Analyzer as Settings

logger = logging.getLogger("analyzer")


async def analyze(settings: Settings) -> None:
    """Until SIGTERM or SIGINT."""
    stop, names = stream.told_to_stop(), Names(settings.topic_prefix)
    async with Log(settings.kafka, names) as log, Analysis(setup(settings), settings.analyzer_children) as analysis:
        algorithms = settings.algorithm_groups[settings.group]
        teller = Teller(log, f"analyzer-{settings.group}", lambda: datetime.now(UTC))
        worker = Worker(teller, analysis, settings.group, algorithms)
        events = Stream(settings.kafka, names, analyzer_group(names, settings.group), stop)
        logger.info("analyzing", extra={"group": settings.group, "algorithms": algorithms})
        await events.consume({IMAGES.name: settings.analyzer_window}, worker.handle, teller.bury)


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
    serve_metrics(settings.analyzer_metrics)
    return stream.run(analyze(settings), settings.kafka)


if __name__ == "__main__":
    stream.leave(main())
