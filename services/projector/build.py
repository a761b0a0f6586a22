"""Build a read model beside the served one: read the log up to a goal, fold in memory, COPY, then the indexes.

Nothing else is written: no event, no callback, no object. A partition of a topic is folded in one transaction together
with the offset it ends at, so a build that was killed goes on with those it lacks.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from msgspec.structs import replace
from psycopg import AsyncConnection

from adapters.log import MAX_RECORD, Names
from adapters.tolerance import WINDOW, Limits, TooManyUndecodable
from contracts.events import Position, Record
from contracts.topics import DEAD_LETTERS
from services.projector import schema
from services.projector.fold import fold
from services.projector.parking import Freed, Sieve, read
from services.projector.reader import Ends
from services.projector.rows import TABLES, Key, Rows, State
from services.projector.spill import Spill
from services.projector.store import Partition, Store
from services.projector.whole import LogBroken, missing, refuse_lost_topics

logger = logging.getLogger(__name__)

BATCH = 5_000
AT_ONCE = 10_000
READ_MS = 1_000
POLL_MS = 20
TELL_SECONDS = 0.5

Tell = Callable[[str, int, int], None]
"""Told a phase, how many events of it are done, and how many there are."""


@dataclass(frozen=True, slots=True)
class Log:
    """A log to be read from its beginning, by a consumer of the build's own."""

    bootstrap: str
    names: Names

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AIOKafkaConsumer]:
        async with AIOKafkaConsumer(
            bootstrap_servers=self.bootstrap,
            enable_auto_commit=False,
            max_partition_fetch_bytes=MAX_RECORD,
            fetch_max_bytes=4 * MAX_RECORD,
            fetch_max_wait_ms=POLL_MS,  # nothing new is waited for
            auto_offset_reset="none",  # what is gone is not skipped
        ) as consumer:
            await refuse_lost_topics(consumer, self.names)
            yield consumer


class Building:
    """`memory` is what folding may take, in bytes; what does not fit into it waits in `folder`. `unreadable` is the
    part of a partition's records that may be, as for a live projector."""

    def __init__(
        self, postgres: str, log: Log, folder: Path, memory: int, tell: Tell, unreadable: float = Limits().ratio
    ) -> None:
        self._postgres = postgres
        self._log = log
        self._folder = folder
        self._memory = memory
        self._tell = tell
        self._unreadable = unreadable

    async def build(self, name: str, upto: Ends) -> None:
        """Fill the schema `name`, made by `schema.create`, with all the log holds before `upto`; then index it.

        Raises LogBroken where the log does not hold all of that, TooManyUndecodable.
        """
        store = await Store.connect(self._postgres, name)
        try:
            async with self._log.reading() as consumer:
                await self._fold(consumer, store, upto)
        finally:
            await store.close()
        await self._index(name)

    async def _fold(self, consumer: AIOKafkaConsumer, store: Store, upto: Ends) -> None:
        total, done = sum(upto.values()), 0
        self._tell("folding", done, total)
        folded, freed = await store.ends(), None
        for at, end in _letters_first(upto):
            if end and at not in folded:
                if freed is None and at[0] != DEAD_LETTERS.name:
                    freed = await store.waiting.freed()
                told = done

                def tell(count: int, before: int = told) -> None:
                    self._tell("folding", before + count, total)

                with Spill(self._folder, self._memory // 2) as spill:
                    last = await _read(consumer, self._log.names, at, end, spill)
                    async with store.landing(at, end, last):
                        unread = await _land(store, spill.portions(), freed or {}, tell)
                        self._refuse_too_many(at, unread, end)
            done += end
            self._tell("folding", done, total)

    def _refuse_too_many(self, at: Partition, unread: int, end: int) -> None:
        if end >= WINDOW and unread > self._unreadable * end:
            raise TooManyUndecodable(
                f"{unread} of the {end} records of {at[0]}:{at[1]} cannot be read: build with the version of Framelog"
                " that wrote them, or, to leave them all out, raise FRAMELOG_UNDECODABLE_RATIO"
            )

    async def _index(self, name: str) -> None:
        self._tell("indexing", 0, 1)
        async with await AsyncConnection.connect(self._postgres, autocommit=True) as connection:
            if not await schema.is_indexed(connection, name):
                async with connection.transaction():
                    await schema.index(connection, name)
        self._tell("indexing", 1, 1)


class Standing:
    """What has been folded: of tables whose rows are only added the keys, of others the states."""

    def __init__(self) -> None:
        self.rows: Rows = {name: {} for name in TABLES}

    def take(self, changed: Rows) -> None:
        for name, states in changed.items():
            if TABLES[name].writing == "add":
                self.rows[name].update(dict.fromkeys(states, True))
            else:
                self.rows[name].update(states)


def _letters_first(upto: Ends) -> list[tuple[Partition, int]]:
    """What was discarded must be known before what it held up is read."""
    return sorted(upto.items(), key=lambda one: one[0][0] != DEAD_LETTERS.name)


async def _land(
    store: Store, portions: Iterable[list[Record]], freed: Mapping[Position, Freed], tell: Callable[[int], None]
) -> int:
    """Folds the whole of a partition; how many of its records nobody can read is answered."""
    done, unread, told = 0, 0, time.monotonic()
    for portion in portions:
        standing, sieve = Standing(), Sieve(freed=freed)
        records = iter(portion)
        while batch := list(islice(records, BATCH)):
            changed = fold(standing.rows, sieve.sift(read(record, record.time) for record in batch))
            standing.take(changed)
            await _add(store, changed, "add")
            parked, released = sieve.taken()
            await store.park(parked)
            await store.waiting.sight([one for one in released if one.event_id in changed["events"]])
            done, unread = done + len(batch), unread + sum(one.reason is not None for one in parked)
            if time.monotonic() - told > TELL_SECONDS:
                tell(done)
                told = time.monotonic()
        await _add(store, standing.rows, "replace")
    return unread


async def _add(store: Store, rows: Mapping[str, Mapping[Key, State]], writing: str) -> None:
    for name, states in rows.items():
        if TABLES[name].writing == writing and states:
            await store.add(TABLES[name], list(states.values()))


async def _read(consumer: AIOKafkaConsumer, names: Names, at: Partition, end: int, spill: Spill) -> Any:
    """All records of a partition before `end`, each at the running maximum of times, which is answered."""
    partition = TopicPartition(names.physical(at[0]), at[1])
    consumer.assign([partition])
    await _refuse_missing(consumer, partition, end)
    consumer.seek(partition, 0)
    last, offset = None, 0
    while offset < end:
        for raw in (await consumer.getmany(partition, timeout_ms=READ_MS, max_records=AT_ONCE)).get(partition, ()):
            if raw.offset >= end:
                break
            record = names.record(raw)
            if record.offset != offset:
                raise LogBroken(f"{record.position} comes where offset {offset} was expected: a range is missing")
            last = max(record.time, last) if last else record.time
            spill.add(record if record.time == last else replace(record, time=last))
            offset += 1
        await asyncio.sleep(0)
    return last


async def _refuse_missing(consumer: AIOKafkaConsumer, partition: TopicPartition, end: int) -> None:
    begins = (await consumer.beginning_offsets([partition]))[partition]
    ends = (await consumer.end_offsets([partition]))[partition]
    if broken := missing(partition, begins, ends, 0, end):
        raise broken
