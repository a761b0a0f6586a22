"""The fetcher: downloads the pictures that users name, and tells the log."""

import logging
from datetime import UTC, datetime

from adapters import stream, tracing, vitals
from adapters.edge import uuid7
from adapters.ending import leave
from adapters.groups import fetcher_group
from adapters.log import Log, Names
from adapters.objects import Objects
from adapters.outbound import Outbound, excepted
from adapters.stream import Stream
from adapters.telemetry import log_as_json
from adapters.teller import RETRIES, Teller
from adapters.tolerance import Limits as Tolerated
from contracts.topics import IMAGES
from services.ingest.budget import Budget
from services.ingest.fetching import Fetching
from services.ingest.media import Limits
from services.ingest.receive import Receiver
from services.settings import Fetcher as Settings

logger = logging.getLogger("fetcher")
PATIENCE = 3600.0
"""Seconds that a download waits for room in memory: nobody holds a line."""


async def fetch(settings: Settings) -> None:
    """Until SIGTERM or SIGINT."""
    stop, names = stream.told_to_stop(), Names(settings.topic_prefix)
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
        teller = Teller(log, "fetcher", lambda: datetime.now(UTC))
        fetching = Fetching(teller, outbound, receiver, settings.fetch_seconds)
        tolerance = Tolerated(settings.undecodable_run, settings.undecodable_ratio)
        events = Stream(settings.kafka, names, fetcher_group(names), stop, limits=tolerance)
        logger.info("fetching")
        windows = {IMAGES.name: settings.fetcher_window, **RETRIES}
        await events.consume(windows, teller.again(fetching.handle), teller.bury)


def limits(settings: Settings) -> Limits:
    return Limits(
        bytes=settings.max_upload_bytes,
        pixels=settings.max_pixels,
        frames=settings.max_frames,
        animation_pixels=settings.max_animation_pixels,
    )


def main() -> int:
    settings = Settings.read_or_exit()
    log_as_json(settings.log_level)
    vitals.serve(settings.metrics)
    tracing.export("fetcher", settings.traces)
    return stream.run(fetch(settings), settings.kafka)


if __name__ == "__main__":
    leave(main())
