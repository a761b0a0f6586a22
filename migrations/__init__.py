"""Numbered SQL for what is not rebuilt: where projections stand, and the schema `unlogged`. One idea per file."""

from importlib import resources
from importlib.resources.abc import Traversable

from psycopg import AsyncConnection

LOCK = 0x6672616D65  # 'frame': one migration at a time, whoever starts first


async def migrate(postgres: str) -> list[str]:
    """Apply what is missing, each file in a transaction of its own; answers the names applied, in order."""
    async with await AsyncConnection.connect(postgres, autocommit=True) as connection:
        await connection.execute("SELECT pg_advisory_lock(%s)", (LOCK,))  # given back when the connection closes
        missing = await _missing(connection)
        for file in missing:
            async with connection.transaction():
                await connection.execute(file.read_bytes())
                await connection.execute("INSERT INTO public.migrations (name) VALUES (%s)", (file.name,))
        return [file.name for file in missing]


async def pending(postgres: str) -> list[str]:
    """The names that `migrate` would apply."""
    async with await AsyncConnection.connect(postgres, autocommit=True) as connection:
        return [file.name for file in await _missing(connection)]


async def _missing(connection: AsyncConnection[tuple[str]]) -> list[Traversable]:
    await connection.execute(
        "CREATE TABLE IF NOT EXISTS public.migrations (name text PRIMARY KEY, applied_at timestamptz DEFAULT now())"
    )
    applied = await (await connection.execute("SELECT name FROM public.migrations")).fetchall()
    done = {name for (name,) in applied}
    files = sorted(resources.files(__name__).iterdir(), key=lambda file: file.name)
    return [file for file in files if file.name.endswith(".sql") and file.name not in done]
