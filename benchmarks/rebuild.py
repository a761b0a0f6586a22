"""A read model built anew from the log: against replaying it event by event, our own live projector, and COPY alone."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from uuid import uuid4

import psutil
from aiokafka import TopicPartition
from psycopg import AsyncConnection
from psycopg.sql import SQL, Identifier

from adapters.log import Log
from benchmarks import projection, whole_log
from benchmarks.replayed import replayed
from benchmarks.stand import Stack, Stand, database, stand
from benchmarks.table import Contender, Table, Target, interleaved
from contracts.events import Record
from contracts.topics import ANALYSES, IMAGES, POSTS
from services.projector import schema
from services.projector.digest import digests
from services.projector.indexing import index
from services.projector.positions import ends
from services.projector.rebuild import Means
from services.projector.rows import TABLES
from services.projector.source import Log as Source
from services.settings import Projector

EVENTS = 1_000_000
SIZES = (100_000, 300_000, 1_000_000, 3_000_000)
NAIVE_EVENTS = 1_500
SOME = (IMAGES.name, ANALYSES.name, POSTS.name)
ALLOWED: int = Projector.model_fields["rebuild_memory_bytes"].default
SHARED = "Proportional set size, four times a second: what processes share is counted once."
CHUNK = 1 << 20
SAID = (
    "Ours: from the topics to tables with all their indexes, as `framelog rebuild` does before it follows and "
    "switches. The live projector: the same log from offset 0. One event per transaction: the same folds and tables, "
    "for a part of the log. eventsourcing: images alone, three events each, its own recorder, one table of images and "
    "one of facts; a part of the log too. COPY: no log is read, nothing is folded, one connection."
)
OURS, LIVE, NAIVE = "rebuild", "the live projector, from offset 0", "one event per transaction"
PEER = "eventsourcing 9.5, its projection in Postgres"
BARE = "COPY of the same rows from files, and the same indexes"


async def tables(stack: Stack, rounds: int) -> AsyncIterator[Table]:
    async with stand(stack) as own, Log(stack.kafka, own.names, linger_ms=5) as log:
        growth = Table("Rebuild, as the log grows", "events/s")
        memory: dict[str, list[float]] = {}
        told = 0
        for size in SIZES:
            accounts = whole_log.accounts_in(size)
            await whole_log.tell(log, told, accounts)
            told = accounts
            rebuild = await Rebuilding.of(own)
            await interleaved(growth, {f"{rebuild.events:,} events": rebuild.run}, 1)
            memory |= {one.name: [one.peak / one.memory] for one in [rebuild, await _tight(rebuild)]}
            if size == EVENTS:
                yield await _compared(rebuild, rounds)
                yield await _digested(rebuild, rounds)
        yield growth
        part = "part of FRAMELOG_REBUILD_MEMORY_BYTES"
        targets = [Target(name, None, ceiling=1) for name in memory]
        yield Table("Peak memory of the processes that fold", part, memory, targets, [SHARED])


async def _tight(rebuild: "Rebuilding") -> "Rebuilding":
    """The same with half the memory, once."""
    tight = Rebuilding(rebuild.own, rebuild.goal, rebuild.memory // 2)
    await tight.run()
    return tight


async def _compared(rebuild: "Rebuilding", rounds: int) -> Table:
    own = rebuild.own
    table = Table(
        f"Rebuild of {rebuild.events:,} events: accounts, images, analyses, posts and likes",
        "events/s",
        targets=(
            Target(OURS, NAIVE, floor=15),
            Target(OURS, LIVE, floor=2),
            Target(OURS, BARE, floor=0.5),
            Target(OURS, PEER),
        ),
        notes=[SAID],
    )
    some = await _some(rebuild)
    async with _files(rebuild) as copied, replayed(own.stack) as peer:
        contenders: dict[str, Contender] = {
            OURS: rebuild.run,
            LIVE: lambda: projection.followed(own, rebuild.events),
            NAIVE: lambda: projection.naive(own, some),
            PEER: peer,
            BARE: copied,
        }
        return await interleaved(table, contenders, rounds)


async def _digested(rebuild: "Rebuilding", rounds: int) -> Table:
    """What `verify` does with each of two read models, once the second is built."""
    async with rebuild.built() as (url, name, _):

        async def rate() -> float:
            begin = time.perf_counter()
            found = await digests(url, name)
            return sum(one.rows for one in found.values()) / (time.perf_counter() - begin)

        table = Table("Digests of all tables of that read model, as `framelog verify` takes them", "rows/s")
        await interleaved(table, {"digests": rate}, rounds)
        rows = sum(one.rows for one in (await digests(url, name)).values())
        table.notes.append(f"{rows:,} rows of {rebuild.events:,} events.")
        return table


class Rebuilding:
    """Builds from the log of a stand as it is now. `memory` is what it is allowed, `peak` the most that its processes
    took together, in bytes; what they share is counted once."""

    def __init__(self, own: Stand, goal: dict[tuple[str, int], int], memory: int = ALLOWED) -> None:
        self.own = own
        self.goal = goal
        self.memory = memory
        self.events = sum(goal.values())
        self.name = f"{self.events:,} events, {memory >> 20} MiB"
        self.peak = 0

    @classmethod
    async def of(cls, own: Stand) -> "Rebuilding":
        return cls(own, dict(await ends(Source(own.stack.kafka, own.names))))

    async def run(self) -> float:
        async with self.built() as (_, _, took):
            return self.events / took

    @asynccontextmanager
    async def built(self) -> AsyncIterator[tuple[str, str, float]]:
        """The database, the schema, the seconds."""
        async with database(self.own.stack, f"b{uuid4().hex[:12]}") as url:
            async with await AsyncConnection.connect(url) as connection:
                name = await schema.create(connection)
            watching = asyncio.create_task(self._watch())
            begin = time.perf_counter()
            await self._means(url).building(name).build(self.goal)
            took = time.perf_counter() - begin
            watching.cancel()
            await self._check(url, name)
            yield url, name, took

    def _means(self, url: str) -> Means:
        return Means(
            postgres=url,
            log=Source(self.own.stack.kafka, self.own.names),
            folder=self.own.home / "spill",
            memory=self.memory,
            processes=psutil.cpu_count() or 1,
            tell=lambda *_: None,
        )

    async def _watch(self) -> None:
        while True:
            with suppress(psutil.Error):
                builders = [one for one in psutil.Process().children() if "services.projector.builder" in one.cmdline()]
                self.peak = max(self.peak, sum(one.memory_full_info().pss for one in builders))
            await asyncio.sleep(0.25)

    async def _check(self, url: str, name: str) -> None:
        async with await AsyncConnection.connect(url, options=f"-c search_path={name}") as connection:
            found = await (await connection.execute("SELECT count(*) FROM events")).fetchone()
        assert found == (self.events,), f"{found} events, not {self.events}"


async def _some(rebuild: "Rebuilding") -> list[Record]:
    """The first records of every topic that has many."""
    found: list[Record] = []
    log = Source(rebuild.own.stack.kafka, rebuild.own.names)
    async with log.reading() as consumer:
        for topic in SOME:
            partition = TopicPartition(log.names.physical(topic), 0)
            consumer.assign([partition])
            consumer.seek(partition, 0)
            wanted = len(found) + min(NAIVE_EVENTS // len(SOME), rebuild.goal[topic, 0])
            while len(found) < wanted:
                fetched = await consumer.getmany(partition, timeout_ms=1_000, max_records=wanted - len(found))
                found += [log.names.record(raw) for raw in fetched.get(partition, ())]
    return found


@asynccontextmanager
async def _files(rebuild: Rebuilding) -> AsyncIterator[Callable[[], Awaitable[float]]]:
    """The rows of a rebuild in files, to be copied."""
    folder = rebuild.own.home / "rows"
    folder.mkdir()
    async with rebuild.built() as (url, name, _):
        wanted = await digests(url, name)
        for table in TABLES:
            await _dump(url, name, table, folder / table)

    async def copied() -> float:
        async with database(rebuild.own.stack, f"b{uuid4().hex[:12]}") as url:
            async with await AsyncConnection.connect(url) as connection:
                name = await schema.create(connection)
            begin = time.perf_counter()
            async with await AsyncConnection.connect(url) as connection:
                for table in TABLES:
                    await _fill(connection, name, table, folder / table)
                await index(connection, name)
            took = time.perf_counter() - begin
            assert await digests(url, name) == wanted
        return rebuild.events / took

    yield copied


async def _dump(url: str, name: str, table: str, file: Path) -> None:
    async with await AsyncConnection.connect(url) as connection, connection.cursor() as cursor:
        copy = SQL("COPY {}.{} TO STDOUT (FORMAT BINARY)").format(Identifier(name), Identifier(table))
        async with cursor.copy(copy) as rows:
            with file.open("wb") as into:
                async for data in rows:
                    into.write(data)


async def _fill(connection: AsyncConnection, name: str, table: str, file: Path) -> None:
    copy = SQL("COPY {}.{} FROM STDIN (FORMAT BINARY)").format(Identifier(name), Identifier(table))
    async with connection.cursor() as cursor, cursor.copy(copy) as rows:
        with file.open("rb") as source:
            while data := source.read(CHUNK):
                await rows.write(data)
