"""The projector: folds the log into the read model."""

import asyncio
import logging
import signal
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaConnectionError
from psycopg import AsyncConnection

from adapters import tracing, vitals
from adapters.ending import leave
from adapters.kafka import connecting
from adapters.log import MAX_RECORD, Log, Names
from adapters.tasks import together
from adapters.telemetry import log_as_json
from adapters.teller import Teller
from adapters.tolerance import Limits, Tolerance, TooManyUndecodable, looking_back
from contracts.dead_letters import PROJECTOR
from migrations import Unfit, check
from services.projector import schema
from services.projector.aside import group_of, step_aside
from services.projector.consumer import Projector
from services.projector.garbage import collect_rarely
from services.projector.means import means
from services.projector.rebuild import Rebuild
from services.projector.source import Log as Source
from services.projector.store import LOST, Partition, Store, Switched
from services.projector.switching import AlreadyBuilding
from services.projector.unburied import bury_what_is_left
from services.projector.whole import LogBroken, watch
from services.settings import Projector as Settings

logger = logging.getLogger("projector")

GRACE_SECONDS = 5.0
PATIENCE_SECONDS = 1.0
TOLD_SECONDS = 5.0


async def run(settings: Settings) -> None:
    """Until cancelled: into the read model that is served, and into the next one once a rebuild has switched to it.
    Where that is other code's, who has been projecting so far steps aside; who is started builds its own."""
    await check(settings.postgres)
    while True:
        name = await standing(settings)
        logger.info("projecting into %s", name)
        with suppress(Switched):
            await project_into(settings, name)
        await step_aside(settings.postgres, settings.kafka, Names(settings.topic_prefix))


async def standing(settings: Settings) -> str:
    """The schema of this code's fingerprint. Where there is none, as after an upgrade or the loss of the database, one
    is built from the log; an older one is served meanwhile."""
    while True:
        async with await AsyncConnection.connect(settings.postgres, autocommit=True) as connection:
            if name := await schema.ready(connection):
                return name
        try:
            return (await Rebuild(means(settings, Chatter())).run()).schema
        except AlreadyBuilding:
            await asyncio.sleep(PATIENCE_SECONDS)


class Chatter:
    """Says how far a build is, at every phase and now and then."""

    def __init__(self) -> None:
        self._phase, self._at = "", 0.0

    def __call__(self, phase: str, done: int, total: int) -> None:
        if phase != self._phase or time.monotonic() - self._at > TOLD_SECONDS:
            self._phase, self._at = phase, time.monotonic()
            logger.info("building", extra={"phase": phase, "done": done, "total": total})


async def project_into(settings: Settings, name: str) -> None:
    names, connect = Names(settings.topic_prefix), partial(Store.connect, settings.postgres, name)
    consumer = AIOKafkaConsumer(
        **connecting(settings.kafka),
        group_id=group_of(names, name),
        enable_auto_commit=False,
        auto_offset_reset="none",  # positions lie with the rows; what is gone is not skipped
        session_timeout_ms=10_000,
        max_partition_fetch_bytes=MAX_RECORD,
    )
    limits = Limits(settings.undecodable_run, settings.undecodable_ratio)
    tolerance = Tolerance(limits, looking_back(settings.kafka, names))
    async with Log(settings.kafka, names) as log:
        teller = Teller(log, PROJECTOR, lambda: datetime.now(UTC))
        await consumer.start()
        vitals.VITALS.begun = True
        try:
            await together(
                Projector(consumer, names, connect, teller.bury, settings.projector_batch, tolerance).run(),
                bury_what_is_left(connect, Source(settings.kafka, names), teller.bury),
                watch(consumer, names, partial(stands, settings.postgres, name)),
            )
        finally:
            await consumer.stop()


async def stands(postgres: str, name: str) -> Mapping[Partition, int]:
    """Where the rows of the schema stand by now."""
    async with await AsyncConnection.connect(postgres, autocommit=True) as connection:
        return await schema.stands(connection, name)


async def until_told(settings: Settings) -> None:
    """Run until SIGTERM or SIGINT, then stop between two batches, without waiting for a group that rebalances."""
    told = asyncio.Event()
    vitals.VITALS.follow(asyncio.get_running_loop())
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
    vitals.serve(settings.metrics)
    tracing.export("projector", settings.traces)
    collect_rarely()
    try:
        asyncio.new_event_loop().run_until_complete(until_told(settings))
    except (*LOST, KafkaConnectionError) as down:
        print(f"Kafka or Postgres is down: {down}; `framelog doctor` says which", file=sys.stderr)
        return 3
    except Unfit as unfit:
        print(unfit, file=sys.stderr)
        return 2
    except (LogBroken, TooManyUndecodable) as wrong:
        print(wrong, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    try:
        leave(main())
    except Exception:
        logger.exception("the projector ends, and must be started anew")
        leave(1)
