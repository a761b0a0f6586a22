"""The keys, indexes and views of a read model that was filled without them: built in one go, they cost a fraction."""

import re
from collections import deque
from collections.abc import Callable
from importlib import resources
from typing import Any

from psycopg import AsyncConnection
from psycopg.sql import SQL, Identifier

from adapters.tasks import together
from services.projector.rows import TABLES, Table

Connection = AsyncConnection[tuple[Any, ...]]

MEMORY = "SET maintenance_work_mem TO '256MB'; SET max_parallel_maintenance_workers TO 0; SET synchronous_commit TO off"
_SQL = resources.files("contracts.read_model")


async def index(connection: Connection, name: str) -> None:
    """In a transaction."""
    await connection.execute(SQL("SET LOCAL search_path TO {}").format(Identifier(name)))
    for step in _steps():
        await connection.execute(step)
    await _finish(connection)


async def index_side_by_side(postgres: str, name: str, at_once: int, tell: Callable[[int, int], None]) -> None:
    """Over so many connections. What was killed goes on with the indexes it lacks."""
    steps = deque(_steps())
    done, total = 0, len(steps) + 1
    tell(done, total)

    async def work() -> None:
        nonlocal done
        async with await AsyncConnection.connect(postgres, autocommit=True) as connection:
            await connection.execute(SQL("SET search_path TO {}; " + MEMORY).format(Identifier(name)))
            while steps:
                await connection.execute(steps.popleft())
                done += 1
                tell(done, total)

    async with await AsyncConnection.connect(postgres, autocommit=True) as connection:
        if not await _is_indexed(connection, name):
            await together(*(work() for _ in range(at_once)))
            async with connection.transaction():
                await connection.execute(SQL("SET LOCAL search_path TO {}").format(Identifier(name)))
                await _finish(connection)
    tell(total, total)


async def _finish(connection: Connection) -> None:
    """Last the views: whoever finds them finds all."""
    for table in TABLES.values():
        key = Identifier(f"{table.name}_pkey")
        adding = SQL("ALTER TABLE {} ADD PRIMARY KEY USING INDEX {}").format(Identifier(table.name), key)
        await connection.execute(adding)
        await connection.execute(SQL("ANALYZE {}").format(Identifier(table.name)))
    await connection.execute((_SQL / "views.sql").read_bytes())


async def _is_indexed(connection: Connection, name: str) -> bool:
    found = await connection.execute("SELECT 1 FROM pg_views WHERE schemaname = %s LIMIT 1", (name,))
    return await found.fetchone() is not None


def _steps() -> list[bytes]:
    """One index each, those of the tables with the most rows first."""
    declared = re.findall(r"^CREATE INDEX [^;]+;", (_SQL / "indexes.sql").read_text(), re.MULTILINE)
    found = [*map(_key, TABLES.values()), *(one.replace("INDEX", "INDEX IF NOT EXISTS", 1) for one in declared)]
    return [one.encode() for one in sorted(found, key=lambda one: " ON events " not in one and " ON facts " not in one)]


def _key(table: Table) -> str:
    columns = ", ".join(f'"{name}"' for name in list(table.columns)[: table.key])
    return f"CREATE UNIQUE INDEX IF NOT EXISTS {table.name}_pkey ON {table.name} ({columns})"
