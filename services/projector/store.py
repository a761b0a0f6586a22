"""The read model in Postgres: positions and rows move in one transaction, or not at all."""

from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from contextlib import asynccontextmanager, nullcontext
from datetime import datetime
from typing import Any, LiteralString, Self

from msgspec import Struct
from psycopg import AsyncConnection, AsyncCursor, OperationalError, postgres
from psycopg.adapt import Dumper
from psycopg.errors import IdleInTransactionSessionTimeout
from psycopg.pq import Format
from psycopg.types.json import set_json_loads

from services.projector import schema as schemas
from services.projector import statements, switching
from services.projector.parking import Sieve
from services.projector.rows import TABLES, Key, Parked, Rows, State, Table
from services.projector.waiting import Waiting

FEW_ROWS = 100
# A projector that falls asleep in the middle of a batch holds the rows of its positions: Postgres takes them back, or
# nobody could take over. In milliseconds; a batch takes a fraction of a second.
LET_GO = "-c idle_in_transaction_session_timeout=8000 -c statement_timeout=30000"
LOST = (OperationalError, IdleInTransactionSessionTimeout)
"""What a store raises whose connection is gone. Postgres counts the one it took back itself as an internal error."""
Partition = tuple[str, int]
"""Logical topic and partition."""


class Fenced(Exception):
    """Another projector owns a partition by now, or has moved past this batch: nothing was written."""


class Switched(Exception):
    """Another read model is served by now: this one is nobody's any more, or has been dropped."""


class Start(Struct, frozen=True):
    """Where a claimed partition goes on: `append_time` is its running maximum so far."""

    next_offset: int
    epoch: int
    append_time: datetime


class Move(Struct, frozen=True):
    """The step of one partition: from the offset its batch begins at to the one after its last record."""

    topic: str
    partition: int
    start: Start
    end: int
    append_time: datetime


class Encoded(Dumper):
    """Bytes are JSON already. In binary, jsonb is the number of its format and the text."""

    format = Format.BINARY
    oid = postgres.types["jsonb"].oid

    def dump(self, encoded: bytes) -> bytes:
        return b"\x01" + encoded


class Store:
    """One connection to Postgres, folding into one schema. Raises LOST when that is."""

    def __init__(self, connection: AsyncConnection[Any], schema: str) -> None:
        self._connection = connection
        self.schema = schema
        self.reached: dict[Partition, int] = {}
        """Where the rows stand by what this store has claimed and committed."""
        self.waiting = Waiting(connection, schema)

    @classmethod
    async def connect(cls, url: str, schema: str) -> Self:
        """A store over a connection of its own, writing to `schema`. Raises Switched where that was dropped."""
        connection = await AsyncConnection.connect(url, autocommit=True, options=LET_GO)
        try:
            await _prepare(connection, schema)
        except BaseException:
            await connection.close()
            raise
        return cls(connection, schema)

    async def close(self) -> None:
        await self._connection.close()

    async def claim(self, partitions: Iterable[Partition]) -> dict[Partition, Start]:
        """Become the one writer of some partitions; a partition missing from the answer is fenced by a rebuild."""
        async with self._connection.transaction():
            starts = {
                (topic, partition): Start(*row)
                for topic, partition in sorted(partitions)
                if (row := await self._one(statements.CLAIM, (self.schema, topic, partition)))
            }
        self.reached.update({at: start.next_offset for at, start in starts.items()})
        return starts

    async def ends(self) -> dict[Partition, int]:
        """Where the rows stand, of every partition they have anything of."""
        return await schemas.stands(self._connection, self.schema)

    @asynccontextmanager
    async def landing(self, at: Partition, end: int, append_time: datetime | None) -> AsyncIterator[bool]:
        """The transaction that fills a schema in the making with a whole partition, up to an offset. False where that
        has been done: by a process of a build that died sooner than it did."""
        async with self._connection.transaction():
            landed = await self._connection.execute(statements.LAND, (self.schema, *at, end, append_time))
            yield landed.rowcount == 1

    async def is_switched(self) -> bool:
        """Whether another schema is served than this one. One that nobody's build has fenced any more goes on."""
        return await switching.is_over(self._connection, self.schema)

    @asynccontextmanager
    async def moving(self, moves: Sequence[Move]) -> AsyncIterator[None]:
        """The transaction of one batch. Raises Fenced, before anything is written, unless every move is still ours."""
        steps = [(m.topic, m.partition, m.start.next_offset, m.start.epoch, m.end, m.append_time) for m in moves]
        columns = map(list, zip(*steps, strict=True))
        async with self._connection.transaction():
            moved = await self._connection.execute(statements.MOVE, (*columns, self.schema))
            if moved.rowcount != len(moves):
                raise Fenced(f"{len(moves) - moved.rowcount} of {len(moves)} partitions are no longer this projector's")
            yield
        self.reached.update({(move.topic, move.partition): move.end for move in moves})

    async def prior(self, touched: Rows) -> Rows:
        """The states that stand under the touched keys; of a table whose rows are only added, no more than which do."""
        async with self._together(True):
            asked = {name: await self._ask(TABLES[name], keys) for name, keys in touched.items() if keys}
        found = {name: await _standing(TABLES[name], cursor) for name, cursor in asked.items()}
        return {name: found.get(name, {}) for name in touched}

    async def save(self, prior: Rows, changed: Rows) -> None:
        """Write changed rows; those that replace standing ones in key order, so that no two projectors deadlock."""
        few = all(len(states) <= FEW_ROWS for states in changed.values())
        async with self._together(few):
            for name, states in changed.items():
                table, standing = TABLES[name], prior[name]
                await self._add(table, [state for key, state in states.items() if key not in standing])
                await self._replace(table, [states[key] for key in sorted(states.keys() & standing.keys(), key=_order)])

    async def sieve(self, moves: Iterable[Move]) -> Sieve:
        """What holds records up that come with some moves. In their transaction."""
        return await self.waiting.sieve((one.topic, one.partition, one.start.next_offset) for one in moves)

    async def park(self, parked: Sequence[Parked]) -> None:
        """Keep records that wait, in the transaction that moves past them."""
        if parked:
            async with self._together(len(parked) <= FEW_ROWS):
                await self._add(TABLES["parked"], parked)

    @asynccontextmanager
    async def _together(self, few: bool) -> AsyncIterator[None]:
        """Where there are few rows and no COPY, statements go on one journey."""
        async with self._connection.pipeline() if few else nullcontext():
            yield
        await self._connection.execute("SELECT")  # after a pipeline Postgres times no idle transaction

    async def _ask(self, table: Table, keys: Collection[Any]) -> AsyncCursor[Any]:
        if table.key == 1:
            asked = [list(keys)]
        elif table.writing == "add":
            asked = [list({key[0] for key in keys})]
        else:
            asked = [list(column) for column in zip(*keys, strict=True)]
        return await self._connection.cursor(binary=True).execute(statements.select(table), asked)

    async def _add(self, table: Table, states: Sequence[State]) -> None:
        if len(states) <= FEW_ROWS:
            await self._insert(table, states)
        else:
            await self._copy(table, table.name, states)

    async def _replace(self, table: Table, states: Sequence[State]) -> None:
        if len(states) <= FEW_ROWS:
            await self._insert(table, states)
        else:
            await self._copy(table, statements.staged(table), states)
            await self._connection.execute(statements.merge(table))

    async def _insert(self, table: Table, states: Sequence[State]) -> None:
        if states:
            async with self._connection.cursor() as cursor:
                await cursor.executemany(statements.insert(table), [table.values(state) for state in states])

    async def add(self, table: Table, states: Sequence[State]) -> None:
        """Rows of which none stands yet, however many."""
        await self._copy(table, table.name, states)

    async def _copy(self, table: Table, into: str, states: Sequence[State]) -> None:
        """Rows are laid in columns while Postgres takes in those before."""
        async with self._connection.cursor() as cursor, cursor.copy(statements.copy(table, into)) as copy:
            copy.set_types(list(table.columns.values()))
            for state in states:
                await copy.write_row(table.values(state))

    async def _one(self, query: LiteralString, params: Sequence[Any]) -> tuple[Any, ...] | None:
        return await (await self._connection.execute(query, params)).fetchone()


def _order(key: Any) -> tuple[Any, tuple[Any, ...]]:
    """Ids by their number, which compares much faster than the ids do."""
    first, rest = (key[0], key[1:]) if isinstance(key, tuple) else (key, ())
    return getattr(first, "int", first), rest


async def _standing(table: Table, cursor: AsyncCursor[Any]) -> dict[Key, State]:
    rows = await cursor.fetchall()
    return {(row[: table.key] if table.key > 1 else row[0]): table.load(row) for row in rows}


async def _prepare(connection: AsyncConnection[Any], schema: str) -> None:
    connection.adapters.register_dumper(bytes, Encoded)
    set_json_loads(lambda encoded: encoded, connection)
    await connection.execute("SELECT set_config('search_path', %s, false)", (f'"{schema}"',))
    await connection.execute(statements.PACK_QUICKLY)
    async with connection.transaction():
        if not await schemas.hold(connection, schema):
            raise Switched
        for table in TABLES.values():
            if table.writing == "replace":
                await connection.execute(statements.stage(table))
