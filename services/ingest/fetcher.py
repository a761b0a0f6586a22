"""The fetcher: downloads the pictures that users name, and tells the log."""

import asyncio
import logging
import signal
import sys
from datetime import UTC, datetime

from aiokafka.errors import KafkaConnectionError

from adapters import stream
from adapters.edge import uuid7
from adapters.groups import fetcher_group
from adapters.log import Log, Names
from adapters.objects import Objects
from adapters.outbound import Outbound, excepted
from adapters.stream import NoSuchTopic, Stream
from adapters.telemetry import log_as_json
from contracts.topics import IMAGES
from services.ingest.budget import Budget
from services.ingest.fetching import Fetching
from services.ingest.media import Limits
from services.ingest.receive import Receiver
from services.settings import Fetcher as Settings
from services.settings import WrongSettings

logger = logging.getLogger("fetcher")
PATIENCE = 3600.0
"""Seconds that a download waits for room in memory: nobody holds a line."""


async def fetch(settings: Settings) -> None:
    """Until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    names = Names(settings.topic_prefix)
    async with (
        Log(settings.kafka, names) as log,
        Objects(
            settings.s3, settings.s3_access_key, settings.s3_secret_key, settings.s3_bucket, settings.s3_region
        ) as objects,
    ):
        receiver = Receiver(
            objects, Budget(settings.fetch_budget_bytes, PATIENCE), limits(settings), lambda: f"uploads/{uuid7()}"
        )
        outbound = Outbound(excepted(settings.allow_private_urls))
        fetching = Fetching(log, outbound, receiver, settings.fetch_seconds, lambda: datetime.now(UTC))
        events = Stream(settings.kafka, names, fetcher_group(names), stop)
        logger.info("fetching")
        await events.consume({IMAGES.name: settings.fetcher_window}, fetching.handle, fetching.bury)


def limits(settings: Settings) -> Limits:
    return Limits(
        bytes=settings.max_upload_bytes,
        pixels=settings.max_pixels,
        frames=settings.max_frames,
        animation_pixels=settings.max_animation_pixels,
    )


def main() -> int:
    try:
        settings = Settings.read()
    except WrongSettings as wrong:
        print(wrong, file=sys.stderr)
        return 2
    log_as_json(settings.log_level)
    try:
        stream.run(fetch(settings))
    except KafkaConnectionError as down:
        print(f"Kafka at {settings.kafka} does not answer: {down}; see `framelog doctor`", file=sys.stderr)
        return 3
    except NoSuchTopic as missing:
        print(f"{missing}: start the stack with `framelog up`, which creates it", file=sys.stderr)
        return 3
    except Exception:
        logger.exception("the fetcher ends, and must be started anew")
        return 1
    return 0


if __name__ == "__main__":
    stream.leave(main())
