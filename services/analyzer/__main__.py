"""The analyzer: finds what pictures say, and tells the log."""

import asyncio
import logging
import signal
import sys
from dataclasses import replace
from datetime import UTC, datetime

from aiokafka.errors import KafkaConnectionError

from adapters import stream
from adapters.groups import analyzer_group
from adapters.log import Log, Names
from adapters.stream import NoSuchTopic, Stream
from adapters.telemetry import log_as_json, serve_metrics
from contracts.topics import IMAGES
from services.analyzer.analysis import Analysis, Setup
from services.analyzer.setups import unstored
from services.analyzer.worker import Worker
from services.settings import Analyzer as Settings
from services.settings import WrongSettings

logger = logging.getLogger("analyzer")


async def analyze(settings: Settings) -> None:
    """Until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    names = Names(settings.topic_prefix)
    async with Log(settings.kafka, names) as log, Analysis(setup(settings), settings.analyzer_children) as analysis:
        algorithms = settings.algorithm_groups[settings.group]
        worker = Worker(log, analysis, settings.group, algorithms, lambda: datetime.now(UTC))
        events = Stream(settings.kafka, names, analyzer_group(names, settings.group), stop)
        logger.info("analyzing", extra={"group": settings.group, "algorithms": algorithms})
        await events.consume({IMAGES.name: settings.analyzer_window}, worker.handle, worker.bury)


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
    try:
        settings = Settings.read()
    except WrongSettings as wrong:
        print(wrong, file=sys.stderr)
        return 2
    if settings.group not in settings.algorithm_groups:
        known = ", ".join(settings.algorithm_groups)
        print(f"FRAMELOG_GROUP: {settings.group} is none of FRAMELOG_ALGORITHM_GROUPS ({known})", file=sys.stderr)
        return 2
    log_as_json(settings.log_level)
    serve_metrics(settings.analyzer_metrics)
    try:
        stream.run(analyze(settings))
    except KafkaConnectionError as down:
        print(f"Kafka at {settings.kafka} does not answer: {down}; see `framelog doctor`", file=sys.stderr)
        return 3
    except NoSuchTopic as missing:
        print(f"{missing}: start the stack with `framelog up`, which creates it", file=sys.stderr)
        return 3
    except Exception:
        logger.exception("the analyzer ends, and must be started anew")
        return 1
    return 0


if __name__ == "__main__":
    stream.leave(main())
