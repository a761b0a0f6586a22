"""The projector's SQL. What differs between tables is composed from their declared columns, never from data, and once:
composing a statement takes longer than carrying it out for one row."""

from functools import cache

from psycopg import sql
from psycopg.sql import SQL, Composed, Identifier

from services.projector.rows import Table

PACK_QUICKLY = """
SELECT set_config(name, 'lz4', false) FROM pg_settings
WHERE name = 'default_toast_compression' AND 'lz4' = ANY (enumvals)
"""

CLAIM = """
INSERT INTO projection.offsets AS mine (schema, topic, partition, epoch) VALUES (%s, %s, %s, 1)
ON CONFLICT (schema, topic, partition) DO UPDATE SET epoch = mine.epoch + 1 WHERE mine.state <> 'fenced'
RETURNING next_offset, epoch, append_time
"""

LAND = """
INSERT INTO projection.offsets (schema, topic, partition, next_offset, append_time)
VALUES (%s, %s, %s, %s, coalesce(%s, 'epoch'::timestamptz))
ON CONFLICT DO NOTHING
"""

MOVE = """
UPDATE projection.offsets AS mine
SET next_offset = move.until, append_time = move.append_time
FROM unnest(%s::text[], %s::int[], %s::bigint[], %s::bigint[], %s::bigint[], %s::timestamptz[])
    AS move (topic, partition, start, epoch, until, append_time)
WHERE mine.schema = %s
  AND (mine.topic, mine.partition, mine.next_offset, mine.epoch) = (move.topic, move.partition, move.start, move.epoch)
"""


@cache
def stage(table: Table) -> bytes:
    """A table of the session's own, empty at every commit, that COPY fills before one merge."""
    names = Identifier(staged(table)), Identifier(table.name)
    return SQL("CREATE TEMP TABLE {} (LIKE {}) ON COMMIT DELETE ROWS").format(*names).as_bytes()


@cache
def copy(table: Table, into: str) -> bytes:
    return SQL("COPY {} ({}) FROM STDIN (FORMAT BINARY)").format(Identifier(into), _names(table)).as_bytes()


@cache
def merge(table: Table) -> bytes:
    merged = SQL("INSERT INTO {} ({}) SELECT {} FROM {} {}").format(
        Identifier(table.name), _names(table), _names(table), Identifier(staged(table)), _on_conflict(table)
    )
    return merged.as_bytes()


@cache
def insert(table: Table) -> bytes:
    """One row, given as values."""
    values = SQL(", ").join(SQL("%s::{}").format(SQL(type_)) for type_ in table.columns.values())
    inserted = SQL("INSERT INTO {} ({}) VALUES ({}) {}").format(
        Identifier(table.name), _names(table), values, _on_conflict(table)
    )
    return inserted.as_bytes()


@cache
def select(table: Table) -> bytes:
    """What stands under some keys. Where rows are only added that is their keys, and those of all rows that share the
    first column; else the rows, each key column given as an array."""
    keys = list(table.columns)[: table.key]
    if table.writing == "add":
        names = SQL(", ").join(map(Identifier, keys))
        found = SQL("SELECT {} FROM {} WHERE {} = ANY (%b)").format(names, Identifier(table.name), Identifier(keys[0]))
        return found.as_bytes()
    arrays = SQL(", ").join(SQL("%b::{}[]").format(SQL(table.columns[key])) for key in keys)
    names = SQL(", ").join(map(Identifier, keys))
    found = SQL("SELECT {} FROM {} JOIN unnest({}) AS asked ({}) USING ({})").format(
        _names(table), Identifier(table.name), arrays, names, names
    )
    return found.as_bytes()


def staged(table: Table) -> str:
    return f"staged_{table.name}"


def _names(table: Table) -> Composed:
    return SQL(", ").join(map(Identifier, table.columns))


def _on_conflict(table: Table) -> sql.Composable:
    if table.writing == "add":
        return SQL("")
    keys = SQL(", ").join(map(Identifier, list(table.columns)[: table.key]))
    rest = list(table.columns)[table.key :]
    sets = SQL(", ").join(SQL("{} = excluded.{}").format(Identifier(name), Identifier(name)) for name in rest)
    return SQL("ON CONFLICT ({}) DO UPDATE SET {}").format(keys, sets)
