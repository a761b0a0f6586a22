"""Two read models side by side: which rows differ, and in which columns."""

from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from typing import Any

import orjson
from psycopg import AsyncConnection
from psycopg.sql import SQL, Composed, Identifier

from services.projector.rows import TABLES, Table

SHOWN = 20
"""Differing rows named per table."""
AT_ONCE = 5_000
SEPARATOR = "\x1f"


@dataclass(frozen=True, slots=True)
class Difference:
    """`only` says which of the two read models has the row; None where both have it, with other `columns`."""

    table: str
    key: str
    columns: tuple[str, ...] = ()
    only: str | None = None

    def __str__(self) -> str:
        where = f"only in the {self.only} read model" if self.only else f"differs in {', '.join(self.columns)}"
        return f"{self.table} {self.key.replace(SEPARATOR, ' ')}: {where}"


@dataclass(frozen=True, slots=True)
class Side:
    """A read model as one connection sees it: within its transaction, if it is in one."""

    connection: AsyncConnection[Any]
    schema: str


async def differences(tables: Iterable[str], served: Side, rebuilt: Side) -> list[Difference]:
    """The first few of each table, by key."""
    return [one for name in tables for one in await _of_table(TABLES[name], served, rebuilt)]


async def _of_table(table: Table, served: Side, rebuilt: Side) -> list[Difference]:
    found: list[Difference] = []
    async for key, only in _unlike(_rows(served, table), _rows(rebuilt, table)):
        found.append(Difference(table.name, key, await _columns(table, key, served, rebuilt, only), only))
        if len(found) == SHOWN:
            break
    return found


async def _unlike(
    served: AsyncIterator[tuple[str, str]], rebuilt: AsyncIterator[tuple[str, str]]
) -> AsyncIterator[tuple[str, str | None]]:
    """The keys of rows that differ, of two walks in the order of their keys."""
    one, other = await anext(served, None), await anext(rebuilt, None)
    while one or other:
        if other is None or (one and one[0].encode() < other[0].encode()):
            assert one
            yield one[0], "served"
            one = await anext(served, None)
        elif one is None or other[0].encode() < one[0].encode():
            yield other[0], "rebuilt"
            other = await anext(rebuilt, None)
        else:
            if one[1] != other[1]:
                yield one[0], None
            one, other = await anext(served, None), await anext(rebuilt, None)


async def _rows(side: Side, table: Table) -> AsyncIterator[tuple[str, str]]:
    """Key and hash of every row, in the order of their keys' bytes."""
    query = SQL('SELECT {} COLLATE "C", md5(one::text) FROM {}.{} AS one ORDER BY 1').format(
        _key(table), Identifier(side.schema), Identifier(table.name)
    )
    async with side.connection.transaction(), side.connection.cursor(name=f"walk_{table.name}") as cursor:
        cursor.itersize = AT_ONCE
        await cursor.execute(query)
        async for row in cursor:
            yield row


async def _columns(table: Table, key: str, served: Side, rebuilt: Side, only: str | None) -> tuple[str, ...]:
    if only:
        return ()
    one, other = await _row(served, table, key), await _row(rebuilt, table, key)
    return tuple(name for name in one if one[name] != other[name])


async def _row(side: Side, table: Table, key: str) -> dict[str, Any]:
    query = SQL("SELECT to_jsonb(one)::text FROM {}.{} AS one WHERE {} = %s").format(
        Identifier(side.schema), Identifier(table.name), _key(table)
    )
    ((row,),) = await (await side.connection.execute(query, (key,))).fetchall()
    found: dict[str, Any] = orjson.loads(row)
    return found


def _key(table: Table) -> Composed:
    keys = SQL(", ").join(SQL("one.{}::text").format(Identifier(name)) for name in list(table.columns)[: table.key])
    return SQL("concat_ws(chr(31), {})").format(keys)
