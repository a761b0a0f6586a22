"""How many unreadable records a consumer takes for the fault of the records, before it must be its own."""

import asyncio
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiokafka import AIOKafkaConsumer, TopicPartition

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
    first, reads what came before in the log. So one that has ended for this ends at the same record again."""

    def __init__(self, limits: Limits, before: Before) -> None:
        self._limits = limits
        self._before = before
        self._readable: dict[Partition, deque[bool]] = {}
        self._asking: defaultdict[Partition, asyncio.Lock] = defaultdict(asyncio.Lock)

    def was_read(self, record: Record) -> None:
        if known := self._readable.get((record.topic, record.partition)):
            known.append(True)

    async def refuse_too_many(self, record: Record, error: Undecodable) -> None:
        """Counts one that cannot be read. Raises TooManyUndecodable."""
        at = (record.topic, record.partition)
        async with self._asking[at]:
            if at not in self._readable:
                self._readable[at] = deque(await self._before(record), WINDOW)
            known = self._readable[at]
            known.append(False)
        if _run(known) >= self._limits.run:
            raise _too_many(f"{_run(known)} records one after another", error)
        if len(known) == WINDOW and known.count(False) > self._limits.ratio * WINDOW:
            raise _too_many(f"{known.count(False)} of the last {WINDOW} records", error)


class Anything:
    """Tolerates every record: whoever reads what others have been refused or allowed already."""

    def was_read(self, record: Record) -> None: ...

    async def refuse_too_many(self, record: Record, error: Undecodable) -> None: ...


def looking_back(bootstrap: str, names: Names) -> Before:
    """By a consumer of its own, which is in no group."""

    async def before(record: Record) -> list[bool]:
        at = TopicPartition(names.physical(record.topic), record.partition)
        async with AIOKafkaConsumer(
            bootstrap_servers=bootstrap, enable_auto_commit=False, max_partition_fetch_bytes=MAX_RECORD
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


def _run(known: deque[bool]) -> int:
    count = 0
    for readable in reversed(known):
        if readable:
            break
        count += 1
    return count


def _too_many(how_many: str, last: Undecodable) -> TooManyUndecodable:
    return TooManyUndecodable(
        f"{how_many} cannot be read, the last at {last}: start the version of Framelog that wrote them, or,"
        " to bury them all, raise FRAMELOG_UNDECODABLE_RUN and FRAMELOG_UNDECODABLE_RATIO"
    )
