"""The read model's own schema: named by the fingerprint of its SQL and folds, made anew, never altered."""

import hashlib
from collections.abc import Mapping
from importlib import resources
from typing import Any

from psycopg import AsyncConnection
from psycopg.sql import SQL, Identifier

from services.projector.indexing import index
from services.projector.rows import TABLES

Connection = AsyncConnection[tuple[Any, ...]]

READ_ONLY = "framelog_read"
_FOLDED_BY = (
    ("contracts", ("events.py", "codec.py", "accounts.py", "images.py", "jobs.py")),
    ("contracts", ("analyses.py", "algorithms.py", "posts.py", "follows.py", "deliveries.py", "dead_letters.py")),
    ("contracts.read_model", ("tables.sql", "indexes.sql", "views.sql")),
    ("contracts.read_model", ("accounts.py", "algorithms.py", "images.py", "jobs.py", "posts.py", "deliveries.py")),
    ("contracts.read_model", ("dead_letters.py",)),
    ("contracts.read_model", ("params.py", "words.py", "colors.py")),
    ("services.projector", ("fold.py", "projections.py", "rows.py", "searchable.py", "parking.py")),
)


def fingerprint() -> str:
    """Twelve hex digits over everything that decides what the rows are: the SQL and the source of the folds."""
    digest = hashlib.sha256()
    for package, names in _FOLDED_BY:
        for name in names:
            digest.update((resources.files(package) / name).read_bytes())
    return digest.hexdigest()[:12]


async def live(connection: Connection) -> str | None:
    """The schema that is served, None where there is none yet."""
    row = await (await connection.execute("SELECT schema FROM projection.live")).fetchone()
    return row[0] if row else None


async def ready(connection: Connection) -> str | None:
    """The schema of this code's fingerprint that is to be followed: the one that is served, else the newest."""
    found = await connection.execute(
        """
        SELECT name FROM projection.schemas LEFT JOIN projection.live ON schema = name
        WHERE fingerprint = %s AND state = 'ready' ORDER BY schema IS NULL, created_at DESC LIMIT 1
        """,
        (fingerprint(),),
    )
    row = await found.fetchone()
    return row[0] if row else None


async def ensure(connection: Connection) -> str:
    """The same, made empty where there is none. The first ever is live at once."""
    async with connection.transaction():
        await connection.execute("LOCK TABLE projection.schemas IN EXCLUSIVE MODE")
        name = await ready(connection)
        if name is None:
            name = await create(connection)
            await index(connection, name)
            await connection.execute("UPDATE projection.schemas SET state = 'ready' WHERE name = %s", (name,))
        if await live(connection) is None:
            await switch(connection, name)
    return name


async def switch(connection: Connection, schema: str) -> None:
    """Serve `schema` from now on: the views `framelog.*` are laid over it anew, in one transaction."""
    async with connection.transaction():
        await connection.execute(
            "INSERT INTO projection.live (schema) VALUES (%s)"
            " ON CONFLICT (the_one) DO UPDATE SET schema = excluded.schema",
            (schema,),
        )
        await _lay_views(connection, schema)


async def reached(connection: Connection, schema: str, ends: Mapping[tuple[str, int], int]) -> bool:
    """Whether the rows of `schema` stand at or after these offsets, keyed (topic, partition)."""
    standing = await stands(connection, schema)
    return all(standing.get(at, 0) >= end for at, end in ends.items())


async def stands(connection: Connection, schema: str) -> dict[tuple[str, int], int]:
    """Where the rows of `schema` stand, as the connection sees it: the next offset of each partition it has any of."""
    rows = await connection.execute(
        "SELECT topic, partition, next_offset FROM projection.offsets WHERE schema = %s ORDER BY 1, 2", (schema,)
    )
    return {(topic, partition): offset async for topic, partition, offset in rows}


async def create(connection: Connection, prefix: str = "read_model") -> str:
    """A schema in the making: its tables without keys and indexes, to be filled quickly. In a transaction."""
    row = await (await connection.execute("SELECT nextval('projection.schema_numbers')")).fetchone()
    name = f"{prefix}_{fingerprint()}_{row[0] if row else 0}"
    await connection.execute(SQL("CREATE SCHEMA {}").format(Identifier(name)))
    await connection.execute(SQL("SET LOCAL search_path TO {}").format(Identifier(name)))
    await connection.execute((resources.files("contracts.read_model") / "tables.sql").read_bytes())
    for table in TABLES:
        key = SQL("ALTER TABLE {} DROP CONSTRAINT {}").format(Identifier(table), Identifier(f"{table}_pkey"))
        await connection.execute(key)
    await connection.execute(
        "INSERT INTO projection.schemas (name, fingerprint, state) VALUES (%s, %s, 'building')", (name, fingerprint())
    )
    return name


async def drop(connection: Connection, name: str) -> None:
    """First its row, which is what `hold` waits for."""
    async with connection.transaction():
        await connection.execute("DELETE FROM projection.schemas WHERE name = %s", (name,))
        await connection.execute(SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(Identifier(name)))


async def hold(connection: Connection, name: str) -> bool:
    """Nobody drops the schema before this transaction ends; False where somebody has."""
    found = await connection.execute("SELECT 1 FROM projection.schemas WHERE name = %s FOR KEY SHARE", (name,))
    return await found.fetchone() is not None


async def _lay_views(connection: Connection, schema: str) -> None:
    tables = await connection.execute(
        "SELECT table_name::text FROM information_schema.tables WHERE table_schema = %s ORDER BY 1", (schema,)
    )
    names = [row[0] for row in await tables.fetchall()]
    await connection.execute("DROP SCHEMA IF EXISTS framelog CASCADE")
    await connection.execute("CREATE SCHEMA framelog")
    for name in names:
        await connection.execute(
            SQL("CREATE VIEW framelog.{} AS SELECT * FROM {}.{}").format(
                Identifier(name), Identifier(schema), Identifier(name)
            )
        )
    await connection.execute(
        SQL(
            "GRANT USAGE ON SCHEMA framelog, projection TO {role};"
            "GRANT SELECT ON ALL TABLES IN SCHEMA framelog, projection TO {role}"
        ).format(role=Identifier(READ_ONLY))
    )
