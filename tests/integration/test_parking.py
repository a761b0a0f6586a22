"""Whatever comes first, records or what is said of them, and however both are cut: the rows that a build comes to."""

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import AsyncConnection
from psycopg.sql import SQL, Identifier

from contracts import ids
from contracts.codec import encode
from contracts.dead_letters import Discarded, RetryRequested, bury
from contracts.events import Message, Record, Undecodable
from contracts.topics import DEAD_LETTERS, IMAGES
from migrations import migrate
from services.projector import schema
from services.projector.consumer import project
from services.projector.folding import land
from services.projector.indexing import index
from services.projector.parking import Read, read
from services.projector.rows import TABLES
from services.projector.store import Move, Partition, Start, Store
from tests import events
from tests.events import NOON, cause, uid

IMAGES_AT, LETTERS_AT = (IMAGES.name, 0), (DEAD_LETTERS.name, 0)
Log = dict[Partition, list[Record]]


@dataclass
class Feeding:
    """Stands for a reader: hands out what is prepared, with the moves that claimed partitions make."""

    starts: dict[Partition, Start]
    batches: list[list[Record]]
    handed: int = 0

    async def next(self) -> tuple[list[Move], list[Read]]:
        if self.handed == len(self.batches):
            await asyncio.sleep(3600)
        batch = self.batches[self.handed]
        self.handed += 1
        moves: dict[Partition, Move] = {}
        for one in batch:
            at, here = (one.topic, one.partition), self.starts[one.topic, one.partition]
            start = moves[at].start if at in moves else here
            self.starts[at] = Start(one.offset + 1, here.epoch, one.time)
            moves[at] = Move(*at, start, one.offset + 1, one.time)
        return list(moves.values()), [read(one, one.time) for one in batch]


@dataclass
class Told:
    """A log of images and of dead letters, as it comes about."""

    images: list[Record] = field(default_factory=list)
    letters: list[Record] = field(default_factory=list)

    def image(self, key: str, readable: bool, expected: int | None) -> None:
        number = len(self.images)
        event = events.updated(uid(key), expected_version=expected, changes={"title": str(number)})
        sent = events.message(events.uploaded(uid(key)) if number < 3 else event, number)
        if not readable:
            sent = Message(topic=sent.topic, key=sent.key, value=b"{", headers=sent.headers)
        self.images.append(events.record(sent, number, time=NOON + timedelta(seconds=number)))
        found = read(self.images[-1], NOON)
        if isinstance(found.said, Undecodable):
            self._say(bury(found.record, found.said, "projector"), ids.buried("projector", *IMAGES_AT, number))

    def settle(self, offset: int, discards: bool) -> None:
        record = self.images[offset % len(self.images)]
        kind = Discarded if discards else RetryRequested
        said = kind(
            **{"consumer": "projector", "topic": IMAGES.name, "partition": 0, "offset": record.offset},
            record_key=b64encode(record.key or b"").decode(),
            letter=ids.buried("projector", *IMAGES_AT, record.offset),
            owner="admin",
            actor="admin",
        )
        self._say(said, uid(("said", len(self.letters))))

    def _say(self, event: Any, event_id: Any) -> None:
        sent = encode(event, cause("", event_id=event_id))
        number = len(self.letters)
        self.letters.append(events.record(sent, number, time=NOON + timedelta(seconds=number)))


@st.composite
def told(draw: st.DrawFn) -> Told:
    log = Told()
    for _ in range(draw(st.integers(1, 25))):
        if not log.images or draw(st.integers(0, 2)):
            expected = draw(st.sampled_from([None, None, 1, 2]))
            log.image(draw(st.sampled_from("abc")), draw(st.integers(0, 3)) > 0, expected)
        else:
            log.settle(draw(st.integers(0, 30)), draw(st.booleans()))
    return log


@st.composite
def cut(draw: st.DrawFn, log: Told) -> list[list[Record]]:
    """Batches of both partitions, in any interleaving."""
    left, batches = [list(log.images), list(log.letters)], []
    while any(left):
        batch: list[Record] = []
        for one in left:
            size = draw(st.integers(0, len(one)))
            batch += one[:size]
            del one[:size]
        if batch:
            batches.append(batch)
    return batches


@asynccontextmanager
async def stores(house_database: str) -> AsyncIterator[tuple[Store, Store]]:
    """Two read models without rows."""
    await migrate(house_database)
    async with await AsyncConnection.connect(house_database, autocommit=True) as connection:
        names = []
        for _ in range(2):
            async with connection.transaction():
                names.append(await schema.create(connection))
                await index(connection, names[-1])
        opened = [await Store.connect(house_database, name) for name in names]
        yield opened[0], opened[1]
        for store in opened:
            await store.close()


async def emptied(connection: AsyncConnection[Any], name: str) -> None:
    for table in [*TABLES, "released"]:
        await connection.execute(SQL("DELETE FROM {}").format(Identifier(name, table)))
    await connection.execute("DELETE FROM projection.offsets WHERE schema = %s", (name,))


async def rows(connection: AsyncConnection[Any], name: str) -> dict[str, list[Any]]:
    found = {}
    for table in TABLES:
        query = SQL("SELECT one::text FROM {} AS one ORDER BY 1").format(Identifier(name, table))
        found[table] = await (await connection.execute(query)).fetchall()
    return found


async def live(store: Store, batches: list[list[Record]]) -> None:
    feeding = Feeding(await store.claim([IMAGES_AT, LETTERS_AT]), batches)
    ends = {(one.topic, one.partition): one.offset + 1 for batch in batches for one in batch}
    await project(feeding, store, lambda: any(store.reached.get(at, 0) < end for at, end in ends.items()))  # type: ignore[arg-type]


async def built(store: Store, log: Told) -> None:
    for at, records in ((LETTERS_AT, log.letters), (IMAGES_AT, log.images)):
        async with store.landing(at, len(records), NOON):
            freed = {} if at == LETTERS_AT else await store.waiting.freed()
            await land(store, [iter(records)], 10**9, freed, lambda _: None)


async def test_any_interleaving_comes_to_the_rows_of_a_build(database: str) -> None:
    async with stores(database) as (one, other), await AsyncConnection.connect(database, autocommit=True) as connection:
        loop = asyncio.get_running_loop()

        async def compared(log: Told, batches: list[list[Record]]) -> None:
            for store in (one, other):
                await emptied(connection, store.schema)
            await live(one, batches)
            await built(other, log)
            assert await rows(connection, one.schema) == await rows(connection, other.schema)

        @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
        @given(st.data())
        def any_way(data: st.DataObject) -> None:
            log = data.draw(told())
            batches = data.draw(cut(log))
            asyncio.run_coroutine_threadsafe(compared(log, batches), loop).result(20)

        await asyncio.to_thread(any_way)
