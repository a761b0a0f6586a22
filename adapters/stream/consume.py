"""Safe consumption of the log: every event handled at least once, and nothing committed that is not finished."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping

from aiokafka import AIOKafkaConsumer
from msgspec.structs import replace

from adapters.kafka import connecting, shown
from adapters.log import Names
from adapters.metrics import MESSAGE_SECONDS, MESSAGES
from adapters.stream.inhand import InHand, where
from adapters.stream.member import Member, Pace
from adapters.tolerance import Limits, Tolerance, looking_back
from adapters.tracing import consumed, span
from contracts.codec import Event, decode
from contracts.events import Record, Recorded, Undecodable

log = logging.getLogger(__name__)

Handle = Callable[[Recorded[Event]], Awaitable[None]]
Bury = Callable[[Record, Undecodable], Awaitable[None]]


class NoSuchTopic(Exception):
    """A topic that is to be read does not exist. One line."""


class Stream:
    """A member of one consumer group for each topic. Setting `stop` ends `consume` in order."""

    def __init__(
        self,
        bootstrap: str,
        names: Names,
        group: str,
        stop: asyncio.Event,
        pace: Pace | None = None,
        limits: Limits | None = None,
    ) -> None:
        self._bootstrap = bootstrap
        self._names = names
        self._group = group
        self._consumer = group.removeprefix(f"{names.prefix}framelog-")
        self._stop = stop
        self._pace = pace or Pace()
        self._limits = limits or Limits()

    async def consume(self, windows: Mapping[str, int], handle: Handle, bury: Bury) -> None:
        """Calls `handle` for every event of the topics in `windows`, which say how many may be in hand at once.

        Events of one key are handled one after the other. A TryLater from `handle` or `bury` is backed off from while
        other keys go on. `bury` returns once the dead letter is acknowledged. Returns after `stop`; raises whatever
        went wrong otherwise, after which the process must end, and be started anew: TooManyUndecodable too, which a
        process started anew raises again. Raises NoSuchTopic at the start.
        """
        probe = AIOKafkaConsumer(**connecting(self._bootstrap), enable_auto_commit=False)
        await probe.start()
        try:
            await self._refuse_missing(probe, windows)
            tolerance = Tolerance(self._limits, looking_back(self._bootstrap, self._names))
            in_hand = InHand(self._consumer, _Reading(handle, bury, self._consumer, tolerance).settle)
            # One member for each topic: what a member cannot take of one holds up all that it fetches.
            members = [
                Member(self._bootstrap, self._names, self._group, self._pace, in_hand, topic, window)
                for topic, window in windows.items()
            ]
            await _side_by_side(member.run(self._stop, probe) for member in members)
        finally:
            await probe.stop()

    async def _refuse_missing(self, probe: AIOKafkaConsumer, topics: Iterable[str]) -> None:
        """Faust would wait for a missing topic without a word."""
        missing = {self._names.physical(topic) for topic in topics} - await probe.topics()
        if missing:
            raise NoSuchTopic(f"no topic {', '.join(sorted(missing))} in Kafka at {shown(self._bootstrap)}")


async def _side_by_side(running: Iterable[Coroutine[object, object, None]]) -> None:
    """Raises the first failure, once all have ended."""
    for ended in await asyncio.gather(*running, return_exceptions=True):
        if isinstance(ended, BaseException):
            raise ended


class _Reading:
    """What is done with one record: understood and handled, or buried."""

    def __init__(self, handle: Handle, bury: Bury, consumer: str, tolerance: Tolerance) -> None:
        self._handle = handle
        self._bury = bury
        self._consumer = consumer
        self._tolerance = tolerance

    async def settle(self, record: Record) -> None:
        try:
            recorded = decode(record)
        except Undecodable as error:
            await self._settle_unreadable(record, error)
            return
        self._tolerance.was_read(record)
        began = time.perf_counter()
        about, cause = consumed(record.position, self._consumer), recorded.cause
        with span(f"process {record.topic}", "CONSUMER", cause.traceparent, about) as here:
            await self._handle(replace(recorded, cause=replace(cause, traceparent=here.traceparent)))
        MESSAGE_SECONDS.labels(self._consumer, record.topic).observe(time.perf_counter() - began)
        MESSAGES.labels(self._consumer, record.topic, "handled").inc()

    async def _settle_unreadable(self, record: Record, error: Undecodable) -> None:
        await self._tolerance.refuse_too_many(record, error)
        await self._bury(record, error)
        log.warning("buried", extra={"reason": error.reason, "detail": error.detail, **where(record)})
        MESSAGES.labels(self._consumer, record.topic, "buried").inc()
