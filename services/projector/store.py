"""The read model in Postgres: positions and rows move in one transaction, or not at all."""

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, LiteralString

from msgspec import Struct
from psycopg import AsyncConnection
from psycopg.types.json import Jsonb, set_json_dumps, set_json_loads

from services.projector import statements
from services.projector.rows import TABLES, Key, Rows, State, Table

FEW_ROWS = 100
Partition = tuple[str, int]
"""Logical topic and partition."""


class Fenced(Exception):
    """Another projector owns a partition by now, or has moved past this batch: nothing was written."""


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


class Store:
    """One connection to Postgres, folding into one schema. Raises psycopg.OperationalError when that is lost."""

    def __init__(self, connection: AsyncConnection[Any], schema: str) -> None:
        self._connection = connection
        self._schema = schema

    @classmethod
    async def connect(cls, postgres: str, schema: str) -> "Store":
        """A store over a connection of its own, writing to `schema`."""
        connection = await AsyncConnection.connect(postgres, autocommit=True)
        set_json_dumps(lambda already: already, connection)  # states come with their JSON encoded
        set_json_loads(lambda encoded: encoded, connection)
        await connection.execute("SELECT set_config('search_path', %s, false)", (f'"{schema}"',))
        async with connection.transaction():
            for table in TABLES.values():
                await connection.execute(statements.stage(table))
        return cls(connection, schema)

    async def close(self) -> None:
        await self._connection.close()

    async def claim(self, partitions: Iterable[Partition]) -> dict[Partition, Start]:
        """Become the one writer of some partitions; a partition missing from the answer is fenced by a rebuild."""
        async with self._connection.transaction():
            return {
                (topic, partition): Start(*row)
                for topic, partition in sorted(partitions)
                if (row := await self._one(statements.CLAIM, (self._schema, topic, partition)))
            }

    @asynccontextmanager
    async def moving(self, moves: Sequence[Move]) -> AsyncIterator[None]:
        """The transaction of one batch. Raises Fenced, before anything is written, unless every move is still ours."""
        steps = [(m.topic, m.partition, m.start.next_offset, m.start.epoch, m.end, m.append_time) for m in moves]
        columns = map(list, zip(*steps, strict=True))
        async with self._connection.transaction():
            moved = await self._connection.execute(statements.MOVE, (*columns, self._schema))
            if moved.rowcount != len(moves):
                raise Fenced(f"{len(moves) - moved.rowcount} of {len(moves)} partitions are no longer this projector's")
            yield

    async def prior(self, touched: Rows) -> Rows:
        """The states that stand under the touched keys. A table that is never read back answers none."""
        return {name: await self._standing(TABLES[name], list(keys)) for name, keys in touched.items()}

    async def save(self, rows: Rows) -> None:
        """Write changed rows; those that may meet standing ones in key order, so that no two projectors deadlock."""
        for name, states in rows.items():
            table = TABLES[name]
            ordered = states if table.writing == "add" else sorted(states, key=_order)
            values = [table.values(states[key]) for key in ordered]
            if len(values) <= FEW_ROWS:
                await self._insert(table, values)
            elif table.writing == "add":
                await self._copy(table, name, values)
            else:
                await self._copy(table, f"staged_{name}", values)
                await self._connection.execute(statements.merge(table))

    async def _standing(self, table: Table, keys: Sequence[Key]) -> dict[Key, State]:
        if table.writing == "keep" or not keys:
            return {}
        columns = list(zip(*keys, strict=True)) if table.key > 1 else [keys]
        async with self._connection.cursor(binary=True) as cursor:
            await cursor.execute(statements.select(table), [list(column) for column in columns])
            rows = await cursor.fetchall()
        return {(row[: table.key] if table.key > 1 else row[0]): table.load(row) for row in rows}

    async def _insert(self, table: Table, values: Sequence[tuple[Any, ...]]) -> None:
        if not values:
            return
        json = [type_ == "jsonb" for type_ in table.columns.values()]
        wrapped = [[Jsonb(v) if is_json else v for v, is_json in zip(row, json, strict=True)] for row in values]
        async with self._connection.cursor() as cursor:
            await cursor.executemany(statements.insert(table), wrapped)

    async def _copy(self, table: Table, into: str, values: Sequence[tuple[Any, ...]]) -> None:
        async with self._connection.cursor() as cursor, cursor.copy(statements.copy(table, into)) as copy:
            copy.set_types(list(table.columns.values()))
            for row in values:
                await copy.write_row(row)

    async def _one(self, query: LiteralString, params: Sequence[Any]) -> tuple[Any, ...] | None:
        return await (await self._connection.execute(query, params)).fetchone()


def _order(key: Any) -> tuple[int, tuple[Any, ...]]:
    """Ids by their number, which compares much faster than the ids do."""
    first, rest = (key[0], key[1:]) if isinstance(key, tuple) else (key, ())
    return first.int, rest
