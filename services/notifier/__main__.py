"""The notifier: calls back those who asked for it, until each callback has ended, and tells the log."""

import asyncio
import logging
import random
import signal
import sys
from contextlib import AsyncExitStack, suppress
from datetime import UTC, datetime

from aiokafka.errors import KafkaConnectionError
from procrastinate.exceptions import ConnectorException
from psycopg import OperationalError
from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_fixed

from adapters import tracing, vitals
from adapters.accounts import Accounts
from adapters.ends import Ends
from adapters.fresh import Fresh
from adapters.keys import FILE as KEYS
from adapters.keys import Keys, NoKeys, load
from adapters.log import Log, Names
from adapters.metrics import CALLBACK_AGE_SECONDS, CALLBACKS_WAITING, tell
from adapters.outbound import Outbound, excepted
from adapters.read_model import ReadModel
from adapters.telemetry import log_as_json
from adapters.unlogged import Unlogged
from contracts.events import TryLater
from migrations import Unfit, check
from services.notifier.deliver import Delivering, Manner
from services.notifier.feed import Feed
from services.notifier.follow import Follower
from services.notifier.queue import STALLED_SECONDS, Queue
from services.notifier.waiting import Waiting
from services.settings import Notifier as Settings

LOOK_SECONDS = 5.0

logger = logging.getLogger("notifier")


async def notify(settings: Settings, keys: Keys) -> None:
    """Until cancelled."""
    await check(settings.postgres)
    names = Names(settings.topic_prefix)
    async with AsyncExitStack() as opened:
        log = await opened.enter_async_context(Log(settings.kafka, names))
        ends = await opened.enter_async_context(Ends(settings.kafka, names))
        running = frozenset(name for names in settings.algorithm_groups.values() for name in names)
        read_model = await opened.enter_async_context(ReadModel(settings.postgres, grouped=running))
        unlogged = await opened.enter_async_context(Unlogged(settings.postgres))
        queue = await opened.enter_async_context(Queue(settings.postgres, settings.callback_window))
        fresh, waiting = Fresh(read_model, ends), Waiting(unlogged, queue)
        feed, outbound = Feed(read_model, fresh), Outbound(excepted(settings.allow_private_urls))
        manner = Manner(
            retries=settings.callback_retries, seconds=settings.callback_seconds, now=now, jitter=random.random
        )
        delivering = Delivering(waiting, feed, Accounts(read_model, fresh), keys, outbound, log, manner)
        queue.entrust(delivering.attempt)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(Follower(feed, waiting, running).run())
            tasks.create_task(queue.run())
            tasks.create_task(take_over(queue))
            tasks.create_task(tell_age(waiting))
            logger.info("notifying")
            vitals.VITALS.begun = True


async def take_over(queue: Queue) -> None:
    while True:
        await queue.take_over()
        await asyncio.sleep(STALLED_SECONDS)


async def tell_age(waiting: Waiting) -> None:
    while True:
        with suppress(TryLater):
            count, age = await waiting.count()
            tell(CALLBACKS_WAITING).set(count)
            tell(CALLBACK_AGE_SECONDS).set(age)
        await asyncio.sleep(LOOK_SECONDS)


# The API makes the keys at the first start of all.
patient = retry(retry=retry_if_exception_type(NoKeys), wait=wait_fixed(0.2), stop=stop_after_delay(30), reraise=True)


def now() -> datetime:
    return datetime.now(UTC)


async def until_told(settings: Settings, keys: Keys) -> None:
    """Until SIGTERM or SIGINT; a try that takes longer than a moment to end is made again later."""
    told = asyncio.Event()
    vitals.VITALS.follow(asyncio.get_running_loop())
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, told.set)
    running, telling = asyncio.create_task(notify(settings, keys)), asyncio.create_task(told.wait())
    await asyncio.wait((running, telling), return_when=asyncio.FIRST_COMPLETED)
    running.cancel()
    await asyncio.wait((running,))
    if not running.cancelled():
        running.result()


def main() -> int:
    settings = Settings.read_or_exit()
    try:
        keys = patient(load)(settings.keys or settings.home / KEYS)
    except NoKeys as missing:
        print(f"{missing}; the API makes it at its first start", file=sys.stderr)
        return 3
    log_as_json(settings.log_level)
    vitals.serve(settings.metrics)
    tracing.export("notifier", settings.traces)
    code = 0
    try:
        asyncio.run(until_told(settings, keys))
    except* Unfit as unfit:
        print(unfit.exceptions[0], file=sys.stderr)
        code = 2
    except* (OperationalError, ConnectorException, KafkaConnectionError) as down:
        print(f"Kafka or Postgres is down: {down.exceptions[0]}; `framelog doctor` says which", file=sys.stderr)
        code = 3
    return code


if __name__ == "__main__":
    sys.exit(main())
