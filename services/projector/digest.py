"""What a read model holds, in one line per table: equal logs give equal digests, whoever folded them, however."""

from dataclasses import dataclass
from typing import Any

from psycopg import AsyncConnection
from psycopg.sql import SQL, Identifier

from services.projector.rows import TABLES, Table

ALIKE = "-c timezone=UTC -c extra_float_digits=1"
"""How a connection must be set, so that equal rows have equal texts."""


# In parts, since the MD5s of all rows as one text would outgrow what Postgres can hold; and each row by its MD5 alone
# (OFFSET keeps Postgres from seeing through that), or the rows themselves would be sorted.
DIGEST = SQL("""
SELECT coalesce(sum(rows), 0)::bigint, coalesce(md5(string_agg(digest, '' ORDER BY part)), '') FROM (
    SELECT part, count(*) AS rows, md5(string_agg(row, '' ORDER BY {keys})) AS digest
    FROM (
        SELECT {keys}, left(md5(one.{first}::text), 2) AS part, md5(one::text) AS row FROM {table} AS one OFFSET 0
    ) AS rows
    GROUP BY part
) AS parts
""")


@dataclass(frozen=True, slots=True)
class Digest:
    """`digest` is the MD5 over the MD5s of all rows: of 256 parts of them, each in the order of its keys. It guards
    against accidents only."""

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
    name = SQL("{}.{}").format(Identifier(schema), Identifier(table.name))
    found = await connection.execute(DIGEST.format(keys=keys, first=Identifier(next(iter(table.columns))), table=name))
    rows = await found.fetchone()
    assert rows is not None  # an aggregate always has a row
    return Digest(*rows)
