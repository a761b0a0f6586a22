"""What a read model holds, in one line per table: equal logs give equal digests, whoever folded them, however."""

from dataclasses import dataclass
from typing import Any

from psycopg import AsyncConnection
from psycopg.sql import SQL, Identifier

from services.projector.rows import TABLES, Table

ALIKE = "-c timezone=UTC -c extra_float_digits=1"
"""How a connection must be set, so that equal rows have equal texts."""


@dataclass(frozen=True, slots=True)
class Digest:
    """`digest` is the MD5 over the MD5s of all rows in the order of their keys; it guards against accidents only."""

    rows: int
    digest: str


async def digests(postgres: str, schema: str) -> dict[str, Digest]:
    """Of every table of `schema`, read in one snapshot."""
    async with await AsyncConnection.connect(postgres, options=ALIKE) as connection:
        await connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        return await seen_by(connection, schema)


async def seen_by(connection: AsyncConnection[Any], schema: str) -> dict[str, Digest]:
    """The same, as a connection of the setting ALIKE sees it within its transaction."""
    return {name: await _digest(connection, schema, table) for name, table in TABLES.items()}


async def _digest(connection: AsyncConnection[Any], schema: str, table: Table) -> Digest:
    keys = SQL(", ").join(map(Identifier, list(table.columns)[: table.key]))
    found = await connection.execute(
        SQL("SELECT count(*), coalesce(md5(string_agg(md5(one::text), '' ORDER BY {})), '') FROM {}.{} AS one").format(
            keys, Identifier(schema), Identifier(table.name)
        )
    )
    rows = await found.fetchone()
    assert rows is not None  # an aggregate always has a row
    return Digest(*rows)
