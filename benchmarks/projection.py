"""Live projection against one transaction per event, and against writing the same rows and nothing else."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from uuid import uuid4

from aiokafka import AIOKafkaConsumer
from psycopg import AsyncConnection

from adapters.log import MAX_RECORD, Log
from benchmarks.copying import copied, written
from benchmarks.lives import EVENTS_PER_IMAGE, life
from benchmarks.stand import Stack, Stand, database, fill, stand
from benchmarks.table import Table, Target, interleaved
from contracts.codec import decode
from contracts.events import Record, Undecodable
from services.projector import schema
from services.projector.consumer import Projector
from services.projector.fold import cut, fold, touched
from services.projector.garbage import collect_rarely
from services.projector.projections import TOPICS
from services.projector.store import Move, Start, Store

IMAGES = 16_000
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
    async with stand(stack) as own:
        async with Log(stack.kafka, own.names, linger_ms=5) as appending:
            await fill(appending, (list(life("projection", number)) for number in range(IMAGES)))
        log = await read(own)
        some = set(list(dict.fromkeys(record.key for record in log))[:NAIVE_IMAGES])
        whole_lives = [record for record in log if record.key in some]
        collect_rarely()
        contenders = {
            "Framelog's projector": lambda: projector(own),
            "one event per transaction": lambda: naive(own, whole_lives),
            "bare COPY and upsert of the same rows": lambda: bare(own, log),
        }
        yield await interleaved(table, contenders, rounds)


async def projector(own: Stand) -> float:
    """The real thing, from an empty read model to the end of the log."""
    return await followed(own, IMAGES * EVENTS_PER_IMAGE, check)


async def followed(own: Stand, events: int, checked: Callable[[str, str], Awaitable[None]] | None = None) -> float:
    """Events per second, until so many are committed."""
    async with fresh(own) as (database_url, name), following(own) as consumer:

        async def bury(record: Record, error: Undecodable) -> None:
            raise AssertionError(f"{record.position}: {error}")

        async def store() -> Store:
            return await Watched.connect(database_url, name)

        begin = time.perf_counter()
        Watched.moved = 0
        running = asyncio.create_task(Projector(consumer, own.names, store, bury, BATCH).run())
        while Watched.moved < events and not running.done():  # noqa: ASYNC110
            await asyncio.sleep(0.005)
        took = time.perf_counter() - begin
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
        if checked:
            await checked(database_url, name)
    return events / took


class Watched(Store):
    """Counts what is committed: asking Postgres for it all the time would cost the projector a twentieth."""

    moved = 0

    @asynccontextmanager
    async def moving(self, moves: Sequence[Move]) -> AsyncIterator[None]:
        async with super().moving(moves):
            yield
        Watched.moved += sum(move.end - move.start.next_offset for move in moves)


async def bare(own: Stand, log: list[Record]) -> float:
    batches = [[cut(decode(record)) for record in log[first : first + BATCH]] for first in range(0, len(log), BATCH)]
    async with fresh(own) as (database_url, name):
        took = await copied(database_url, name, [written(batch) for batch in batches])
        await check(database_url, name)
    return len(log) / took


async def naive(own: Stand, log: list[Record]) -> float:
    """What a tutorial does: for each event read, fold, write, commit. The same fold, the same tables; whether a fact
    stands is left to its primary key."""
    async with fresh(own) as (database_url, name):
        store = await Store.connect(database_url, name)
        starts = await store.claim({(record.topic, record.partition) for record in log})
        begin = time.perf_counter()
        for record in log:
            at, end, one = (record.topic, record.partition), record.offset + 1, [cut(decode(record))]
            async with store.moving([Move(*at, starts[at], end, record.time)]):
                prior = await store.prior(touched(one) | {"facts": {}})
                await store.save(prior, fold(prior, one))
            starts[at] = Start(end, starts[at].epoch, record.time)
        took = time.perf_counter() - begin
        await store.close()
    return len(log) / took


async def check(database_url: str, schema: str) -> None:
    """No figure counts unless every row is there."""
    async with await AsyncConnection.connect(database_url, options=f"-c search_path={schema}") as connection:
        for table, rows in {"events": IMAGES * EVENTS_PER_IMAGE, "images": IMAGES, "facts": 6 * IMAGES}.items():
            found = await (await connection.execute(f"SELECT count(*) FROM {table}")).fetchone()
            assert found == (rows,), f"{found} rows in {table}, not {rows}"


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


async def read(own: Stand) -> list[Record]:
    """The whole log in memory, partition by partition as a consumer is handed it."""
    found: list[Record] = []
    async with AIOKafkaConsumer(
        *map(own.names.physical, TOPICS),
        bootstrap_servers=own.stack.kafka,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=MAX_RECORD,
    ) as consumer:
        while len(found) < IMAGES * EVENTS_PER_IMAGE:
            fetched = await consumer.getmany(timeout_ms=1_000, max_records=BATCH)
            found += [own.names.record(raw) for records in fetched.values() for raw in records]
    return found
