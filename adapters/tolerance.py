"""How many unreadable records a consumer takes for the fault of the records, before it must be its own."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiokafka import AIOKafkaConsumer, TopicPartition

from adapters.kafka import connecting
from adapters.log import MAX_RECORD, Names
from contracts.codec import decode
from contracts.events import Record, Undecodable

WINDOW = 1_000
POLL_MS = 1_000

Partition = tuple[str, int]
Before = Callable[[Record], Awaitable[list[bool]]]
"""Of the records before one in its partition, WINDOW at most, which can be read; the oldest first."""


class TooManyUndecodable(Exception):
    """So many records are unreadable that this code must be at fault, not they. One line."""


@dataclass(frozen=True, slots=True)
class Limits:
    """`run`: so many one after another in a partition; `ratio`: more than that part of a partition's last WINDOW."""

    run: int = 100
    ratio: float = 0.5


class Tolerance:
    """Asked before a record is buried, and not from memory: a process that was started again, and has yet to bury its
    first, reads what came before in the log. So one that has ended for this ends at the same record again.

    Records may be told of in any order. One that nobody has been told of yet ends a run.
    """

    def __init__(self, limits: Limits, before: Before) -> None:
        self._limits = limits
        self._before = before
        self._known: dict[Partition, Known] = {}
        self._looking: dict[Partition, asyncio.Future[None]] = {}

    def was_read(self, record: Record) -> None:
        if known := self._known.get((record.topic, record.partition)):
            known.tell(record.offset, readable=True)

    async def refuse_too_many(self, record: Record, error: Undecodable) -> None:
        """Counts one that cannot be read. Raises TooManyUndecodable."""
        at = (record.topic, record.partition)
        known = self._known.setdefault(at, Known())
        known.tell(record.offset, readable=False)
        try:
            await self._looked_back(at, record)
        except Exception:
            self._looking.pop(at, None)
            raise
        if (run := known.run(record.offset)) >= self._limits.run:
            raise _too_many(f"{run} records one after another", error)
        if (unreadable := known.unreadable(record.offset)) > self._limits.ratio * WINDOW:
            raise _too_many(f"{unreadable} of the last {WINDOW} records", error)

    async def _looked_back(self, at: Partition, first: Record) -> None:
        """At what came before the first unreadable record that this process has met."""
        if at not in self._looking:
            self._looking[at] = asyncio.ensure_future(self._look_back(at, first))
        await asyncio.shield(self._looking[at])

    async def _look_back(self, at: Partition, first: Record) -> None:
        before = await self._before(first)
        for offset, readable in enumerate(before, first.offset - len(before)):
            self._known[at].tell(offset, readable)


class Known:
    """Which records of a partition can be read, by their offsets: at least of the last WINDOW."""

    def __init__(self) -> None:
        self._readable: dict[int, bool] = {}

    def tell(self, offset: int, readable: bool) -> None:
        self._readable[offset] = readable
        if len(self._readable) > 4 * WINDOW:
            newest = sorted(self._readable)[-2 * WINDOW :]
            self._readable = {one: self._readable[one] for one in newest}

    def run(self, last: int) -> int:
        """How many unreadable ones end with the offset `last`."""
        first = last
        while self._readable.get(first) is False:
            first -= 1
        return last - first

    def unreadable(self, last: int) -> int:
        """Of the WINDOW that end with `last`; 0 where not so many are known."""
        first = last - WINDOW + 1
        if min(self._readable) > first:
            return 0
        return sum(self._readable.get(offset) is False for offset in range(first, last + 1))


class Anything:
    """Tolerates every record: whoever reads what others have been refused or allowed already."""

    def was_read(self, record: Record) -> None: ...

    async def refuse_too_many(self, record: Record, error: Undecodable) -> None: ...


def looking_back(bootstrap: str, names: Names) -> Before:
    """By a consumer of its own, which is in no group."""

    async def before(record: Record) -> list[bool]:
        at = TopicPartition(names.physical(record.topic), record.partition)
        async with AIOKafkaConsumer(
            **connecting(bootstrap), enable_auto_commit=False, max_partition_fetch_bytes=MAX_RECORD
        ) as consumer:
            consumer.assign([at])
            first = (await consumer.beginning_offsets([at]))[at]
            offset, found = max(first, record.offset - WINDOW), list[bool]()
            consumer.seek(at, offset)
            while offset < record.offset:
                for raw in (await consumer.getmany(at, timeout_ms=POLL_MS)).get(at, ()):
                    offset = raw.offset + 1
                    if raw.offset < record.offset:
                        found.append(_can_be_read(names.record(raw)))
            return found

    return before


def _can_be_read(record: Record) -> bool:
    try:
        decode(record)
    except Undecodable:
        return False
    return True


def _too_many(how_many: str, last: Undecodable) -> TooManyUndecodable:
    return TooManyUndecodable(
        f"{how_many} cannot be read, the last at {last}: start the version of Framelog that wrote them, or,"
        " to bury them all, raise FRAMELOG_UNDECODABLE_RUN and FRAMELOG_UNDECODABLE_RATIO"
    )
