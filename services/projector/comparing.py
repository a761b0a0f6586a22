"""Two read models side by side: which rows differ, and in which columns."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import orjson
from psycopg import AsyncConnection
from psycopg.sql import SQL, Identifier

from services.projector.rows import TABLES, Table

SHOWN = 20
"""Differing rows named per table."""


@dataclass(frozen=True, slots=True)
class Difference:
    """`only` says in which of the two the row is; None where both have it, with other `columns`."""

    table: str
    key: tuple[str, ...]
    columns: tuple[str, ...]
    only: str | None = None

    def __str__(self) -> str:
        where = f"only in the {self.only} one" if self.only else f"differs in {', '.join(self.columns)}"
        return f"{self.table} {' '.join(self.key)}: {where}"


async def differences(
    connection: AsyncConnection[Any], tables: Iterator[str] | list[str], served: str, rebuilt: str
) -> list[Difference]:
    """The first few of each table, by key."""
    found = []
    for name in tables:
        found += await _of_table(connection, TABLES[name], served, rebuilt)
    return found


async def _of_table(connection: AsyncConnection[Any], table: Table, served: str, rebuilt: str) -> list[Difference]:
    keys = list(table.columns)[: table.key]
    same = SQL(" AND ").join(SQL("a.{0} = b.{0}").format(Identifier(key)) for key in keys)
    shown = SQL(", ").join(SQL("coalesce(a.{0}, b.{0})::text").format(Identifier(key)) for key in keys)
    rows = await connection.execute(
        SQL(
            "SELECT ARRAY[{}], to_jsonb(a)::text, to_jsonb(b)::text FROM {}.{} AS a FULL JOIN {}.{} AS b ON {}"
            " WHERE a IS DISTINCT FROM b ORDER BY 1 LIMIT {}"
        ).format(
            shown,
            *(Identifier(name) for name in (served, table.name, rebuilt, table.name)),
            same,
            SHOWN,
        )
    )
    return [_difference(table.name, *row) for row in await rows.fetchall()]


def _difference(table: str, key: list[str], a: str | None, b: str | None) -> Difference:
    if a is None or b is None:
        return Difference(table, tuple(key), (), "served" if a else "rebuilt")
    one, other = orjson.loads(a), orjson.loads(b)
    return Difference(table, tuple(key), tuple(name for name in one if one[name] != other[name]))
