"""Fold a whole partition of the log into a read model in the making: read it, fold in memory, COPY.

Its rows and the offset it ends at are one transaction, so a build that was killed goes on with the partitions it lacks.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path

from aiokafka import AIOKafkaConsumer, TopicPartition
from msgspec import Struct
from msgspec.structs import replace

from adapters.log import Names
from adapters.tolerance import WINDOW, TooManyUndecodable
from contracts.events import Position, Record
from contracts.topics import DEAD_LETTERS
from services.projector.fold import fold
from services.projector.parking import Freed, Sieve, read
from services.projector.rows import TABLES, Key, Rows, State
from services.projector.source import Log
from services.projector.spill import Spill, weight
from services.projector.store import Store
from services.projector.whole import LogBroken, missing

logger = logging.getLogger(__name__)

BATCH = 5_000
AT_ONCE = 2_000
READ_MS = 1_000
ITSELF = 48 * 1024 * 1024
"""What a process takes that folds nothing yet, in bytes, by measurement."""
LEAST = ITSELF + 16 * 1024 * 1024
"""What a process is to have at least, in bytes: with less, fewer of them fold."""
TELL_SECONDS = 0.5

Count = Callable[[int], None]
"""Told how many records of a partition are folded."""


class Plan(Struct, frozen=True, kw_only=True):
    """Where from, where to, and by what means. `memory` is what folding may take, in bytes; what does not fit into it
    waits in `folder`. `unreadable` is the part of a partition's records that may be, as for a live projector."""

    bootstrap: str
    prefix: str
    postgres: str
    schema: str
    folder: str
    memory: int
    unreadable: float

    @property
    def log(self) -> Log:
        return Log(self.bootstrap, Names(self.prefix))


class Share(Struct, frozen=True):
    """A partition, by its logical topic, up to an offset."""

    topic: str
    partition: int
    end: int


class Folding:
    """Folds share after share. The topic of dead letters must have been folded before any other: what was discarded
    must be known before what it held up is read."""

    def __init__(self, plan: Plan, consumer: AIOKafkaConsumer, store: Store) -> None:
        self._plan = plan
        self._consumer = consumer
        self._store = store
        self._freed: Mapping[Position, Freed] | None = None

    @classmethod
    @asynccontextmanager
    async def of(cls, plan: Plan) -> AsyncIterator["Folding"]:
        store = await Store.connect(plan.postgres, plan.schema)
        try:
            async with plan.log.reading() as consumer:
                yield cls(plan, consumer, store)
        finally:
            await store.close()

    async def fold(self, share: Share, tell: Count) -> None:
        """Nothing, where somebody else has by now. Raises LogBroken where the log does not hold all of it,
        TooManyUndecodable."""
        at = (share.topic, share.partition)
        most = room(self._plan.memory)
        with Spill(Path(self._plan.folder), most) as spill:
            last = await _read(self._consumer, self._plan.log.names, share, spill)
            async with self._store.landing(at, share.end, last) as mine:
                if mine:
                    unread = await land(self._store, spill.portions(), most, await self._before(share), tell)
                    self._refuse_too_many(share, unread)

    async def _before(self, share: Share) -> Mapping[Position, Freed]:
        if share.topic == DEAD_LETTERS.name:
            return {}
        if self._freed is None:
            self._freed = await self._store.waiting.freed()
        return self._freed

    def _refuse_too_many(self, share: Share, unread: int) -> None:
        if share.end >= WINDOW and unread > self._plan.unreadable * share.end:
            raise TooManyUndecodable(
                f"{unread} of the {share.end} records of {share.topic}:{share.partition} cannot be read: build with the"
                " version of Framelog that wrote them, or, to leave them all out, raise FRAMELOG_UNDECODABLE_RATIO"
            )


def room(memory: int) -> int:
    """What a portion may come to, and a batch of it, of all that a process may take, in bytes: half of what it leaves
    for folding, since the rows of a batch lie there too until Postgres has them."""
    return max((memory - ITSELF) // 2, memory // 8)


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


async def land(
    store: Store, portions: Iterable[Iterator[Record]], most: int, freed: Mapping[Position, Freed], tell: Count
) -> int:
    """Folds the whole of a partition, in its transaction, a batch coming to `most` bytes of memory; how many of its
    records nobody can read is answered."""
    done, unread, told = 0, 0, time.monotonic()
    for portion in portions:
        standing, sieve = Standing(), Sieve(freed=freed)
        for batch in batches(portion, most):
            unread += await _land(store, standing, sieve, batch)
            done += len(batch)
            if time.monotonic() - told > TELL_SECONDS:
                tell(done)
                told = time.monotonic()
        await _add(store, standing.rows, "replace")
    return unread


async def _land(store: Store, standing: Standing, sieve: Sieve, batch: Iterable[Record]) -> int:
    """What it makes of a batch is let go before the next one is read."""
    changed = fold(standing.rows, sieve.sift(read(record, record.time) for record in batch))
    standing.take(changed)
    await _add(store, changed, "add")
    parked, released = sieve.taken()
    await store.park(parked)
    await store.waiting.sight([one for one in released if one.event_id in changed["events"]])
    return sum(one.reason is not None for one in parked)


def batches(portion: Iterable[Record], most: int) -> Iterator[list[Record]]:
    """Of at least one record, which alone may come to more."""
    batch: list[Record] = []
    held = 0
    for record in portion:
        held += weight(record)
        if batch and (held > most or len(batch) == BATCH):
            yield batch
            batch, held = [], weight(record)
        batch.append(record)
    if batch:
        yield batch


async def _add(store: Store, rows: Mapping[str, Mapping[Key, State]], writing: str) -> None:
    for name, states in rows.items():
        if TABLES[name].writing == writing and states:
            await store.add(TABLES[name], list(states.values()))


async def _read(consumer: AIOKafkaConsumer, names: Names, share: Share, spill: Spill) -> datetime | None:
    """All records of a share, each at the running maximum of times, which is answered."""
    partition = TopicPartition(names.physical(share.topic), share.partition)
    consumer.assign([partition])
    consumer.seek(partition, 0)
    await _refuse_missing(consumer, partition, share.end)
    last, offset = None, 0
    while offset < share.end:
        for raw in (await consumer.getmany(partition, timeout_ms=READ_MS, max_records=AT_ONCE)).get(partition, ()):
            if raw.offset >= share.end:
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
