"""Live projection against one transaction per event, and against writing the same rows and nothing else."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from uuid import uuid4

from aiokafka import AIOKafkaConsumer
from psycopg import AsyncConnection

from adapters.log import MAX_RECORD, Log
from benchmarks.lives import EVENTS_PER_IMAGE, life
from benchmarks.stand import Stack, Stand, database, fill, stand
from benchmarks.table import Table, Target, interleaved
from contracts.codec import decode
from contracts.events import Record, Recorded, Undecodable
from services.projector import schema, statements
from services.projector.consumer import Projector
from services.projector.fold import fold, touched
from services.projector.garbage import collect_rarely
from services.projector.projections import TOPICS
from services.projector.rows import TABLES
from services.projector.store import Move, Start, Store

IMAGES = 8_000
NAIVE_IMAGES = 300
BATCH = 2_000


async def tables(stack: Stack, rounds: int) -> AsyncIterator[Table]:
    table = Table(
        f"Live projection of {IMAGES:,} images ({IMAGES * EVENTS_PER_IMAGE:,} events, {IMAGES * 11:,} rows)",
        "events/s",
        targets=(
            Target("Framelog's projector", "one event per transaction", floor=20),
            Target("Framelog's projector", "bare COPY and upsert of the same rows", floor=0.6),
        ),
    )
    collect_rarely()
    async with stand(stack) as own:
        async with Log(stack.kafka, own.names, linger_ms=5) as log:
            await fill(log, (list(life("projection", number)) for number in range(IMAGES)))
        recorded = await read(own)
        contenders = {
            "Framelog's projector": lambda: projector(own),
            "one event per transaction": lambda: naive(own, recorded[: NAIVE_IMAGES * EVENTS_PER_IMAGE]),
            "bare COPY and upsert of the same rows": lambda: bare(own, recorded),
        }
        yield await interleaved(table, contenders, rounds)


async def projector(own: Stand) -> float:
    """The real thing, from an empty read model to the end of the log."""
    async with fresh(own) as (database_url, name), following(own) as consumer:

        async def bury(record: Record, error: Undecodable) -> None:
            raise AssertionError(f"{record.position}: {error}")

        begin = time.perf_counter()
        store = lambda: Store.connect(database_url, name)  # noqa: E731
        running = asyncio.create_task(Projector(consumer, own.names, store, bury, BATCH).run())
        await until(database_url, IMAGES * EVENTS_PER_IMAGE, running)
        took = time.perf_counter() - begin
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
    return IMAGES * EVENTS_PER_IMAGE / took


async def naive(own: Stand, log: list[Recorded[object]]) -> float:
    """What a tutorial does: for each event read, fold, write, commit. The same fold, the same tables."""
    async with fresh(own) as (database_url, name):
        store = await Store.connect(database_url, name)
        starts = await store.claim({(one.position.topic, one.position.partition) for one in log})
        begin = time.perf_counter()
        for one in log:
            at = (one.position.topic, one.position.partition)
            end = one.position.offset + 1
            async with store.moving([Move(*at, starts[at], end, one.time)]):
                await store.save(fold(await store.prior(touched([one])), [one]))
            starts[at] = Start(end, starts[at].epoch, one.time)
        took = time.perf_counter() - begin
        await store.close()
    return len(log) / took


async def bare(own: Stand, log: list[Recorded[object]]) -> float:
    """The floor: the rows are there already; COPY to a staging table, one upsert, one commit per batch."""
    batches = [log[first : first + BATCH] for first in range(0, len(log), BATCH)]
    rows = [
        {name: [TABLES[name].values(state) for state in states.values()] for name, states in folded.items()}
        for folded in (fold({name: {} for name in touched([])}, batch) for batch in batches)
    ]
    async with fresh(own) as (database_url, name):
        store = await Store.connect(database_url, name)
        connection = store._connection
        async with connection.cursor() as cursor:
            begin = time.perf_counter()
            for batch in rows:
                async with connection.transaction():
                    for table, values in batch.items():
                        async with cursor.copy(statements.copy(TABLES[table], f"staged_{table}")) as copy:
                            copy.set_types(list(TABLES[table].columns.values()))
                            for row in values:
                                await copy.write_row(row)
                        await cursor.execute(statements.merge(TABLES[table]))
            took = time.perf_counter() - begin
        await store.close()
    return len(log) / took


@asynccontextmanager
async def fresh(own: Stand) -> AsyncIterator[tuple[str, str]]:
    """An empty read model: its database, its schema."""
    async with database(own.stack, f"b{uuid4().hex[:12]}") as url:
        async with await AsyncConnection.connect(url, autocommit=True) as connection:
            name = await schema.ensure(connection)
        yield url, name


@asynccontextmanager
async def following(own: Stand) -> AsyncIterator[AIOKafkaConsumer]:
    consumer = AIOKafkaConsumer(
        bootstrap_servers=own.stack.kafka,
        group_id=own.names.physical(uuid4().hex),
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=MAX_RECORD,
    )
    await consumer.start()
    yield consumer
    await consumer.stop()


async def until(database_url: str, events: int, running: asyncio.Task[None]) -> None:
    """Wait until the read model holds so many events, or the projector ends with its error."""
    async with await AsyncConnection.connect(database_url, autocommit=True) as connection:
        while not running.done():
            row = await (await connection.execute("SELECT sum(next_offset) FROM projection.offsets")).fetchone()
            if row and row[0] == events:
                return
            await asyncio.sleep(0.02)
        await running


async def read(own: Stand) -> list[Recorded[object]]:
    """The whole log in memory, partition by partition as a consumer is handed it."""
    found: list[Recorded[object]] = []
    async with AIOKafkaConsumer(
        *map(own.names.physical, TOPICS),
        bootstrap_servers=own.stack.kafka,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=MAX_RECORD,
    ) as consumer:
        while len(found) < IMAGES * EVENTS_PER_IMAGE:
            fetched = await consumer.getmany(timeout_ms=1_000, max_records=BATCH)
            found += [decode(own.names.record(raw)) for records in fetched.values() for raw in records]
    return found
