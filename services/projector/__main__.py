"""The projector: folds the log into the read model."""

import asyncio
import logging
import os
import signal
import sys
from datetime import UTC, datetime
from typing import NoReturn

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaConnectionError
from psycopg import AsyncConnection, OperationalError

from adapters.log import MAX_RECORD, Log, Names, ends
from adapters.telemetry import log_as_json
from adapters.teller import Teller
from services.projector import schema
from services.projector.consumer import CONSUMER, Projector
from services.projector.garbage import collect_rarely
from services.projector.projections import TOPICS
from services.projector.store import Store
from services.settings import Projector as Settings

logger = logging.getLogger("projector")

GRACE_SECONDS = 5.0


async def run(settings: Settings) -> None:
    names = Names(settings.topic_prefix)
    async with await AsyncConnection.connect(settings.postgres, autocommit=True) as connection:
        name = await schema.ensure(connection)
    logger.info("projecting into %s", name)
    consumer = AIOKafkaConsumer(
        bootstrap_servers=settings.kafka,
        group_id=names.physical(f"framelog-projector-{name}"),
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        session_timeout_ms=10_000,
        max_partition_fetch_bytes=MAX_RECORD,
    )
    async with Log(settings.kafka, names) as log:
        bury = Teller(log, CONSUMER, lambda: datetime.now(UTC)).bury
        await consumer.start()
        try:
            projector = Projector(
                consumer, names, lambda: Store.connect(settings.postgres, name), bury, settings.projector_batch
            )
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(projector.run())
                tasks.create_task(serve(settings, names, name))
        finally:
            await consumer.stop()


async def serve(settings: Settings, names: Names, name: str) -> None:
    """Make the schema the served one, once it has reached the log as it stood at the start."""
    async with (
        await AsyncConnection.connect(settings.postgres, autocommit=True) as connection,
        AIOKafkaConsumer(*map(names.physical, TOPICS), bootstrap_servers=settings.kafka) as reader,
    ):
        goal = await ends(reader, names, TOPICS)
        while await schema.live(connection) != name:
            if await schema.reached(connection, name, goal):
                await schema.switch(connection, name)
                logger.info("serving %s", name)
            await asyncio.sleep(0.2)


async def until_told(settings: Settings) -> None:
    """Run until SIGTERM or SIGINT, then stop between two batches, without waiting for a group that rebalances."""
    told = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, told.set)
    running, teller = asyncio.create_task(run(settings)), asyncio.create_task(told.wait())
    await asyncio.wait((running, teller), return_when=asyncio.FIRST_COMPLETED)
    if not running.done():
        running.cancel()
        await asyncio.wait((running,), timeout=GRACE_SECONDS)
    if running.done() and not running.cancelled():
        running.result()


def main() -> int:
    settings = Settings.read_or_exit()
    log_as_json(settings.log_level)
    collect_rarely()
    try:
        asyncio.new_event_loop().run_until_complete(until_told(settings))
    except (OperationalError, KafkaConnectionError) as down:
        print(f"Kafka or Postgres is down: {down}; `framelog doctor` says which", file=sys.stderr)
        return 3
    return 0


def leave(code: int) -> NoReturn:
    """End now: positions lie with the rows, so nothing is lost with what a client of Kafka still wants to tidy up."""
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    try:
        leave(main())
    except Exception:
        logger.exception("the projector ends, and must be started anew")
        leave(1)
