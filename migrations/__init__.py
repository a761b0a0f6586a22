"""Numbered SQL for what is not rebuilt: where projections stand, and the schema `unlogged`. One idea per file."""

from collections.abc import Sequence
from importlib import resources
from importlib.resources.abc import Traversable

from psycopg import AsyncConnection, OperationalError
from psycopg.errors import Error, UndefinedTable

LOCK = 0x6672616D65  # 'frame': one migration at a time, whoever starts first


class Unfit(Exception):
    """The database and this code do not go together. One line, with the remedy."""


async def migrate(postgres: str) -> list[str]:
    """Apply what is missing, each file in a transaction of its own; answers the names applied, in order.

    Raises Unfit where newer code has migrated the database, or a file cannot be applied.
    """
    async with await AsyncConnection.connect(postgres, autocommit=True) as connection:
        await connection.execute("SELECT pg_advisory_lock(%s)", (LOCK,))  # given back when the connection closes
        await connection.execute(
            "CREATE TABLE IF NOT EXISTS public.migrations (name text PRIMARY KEY, applied_at timestamptz DEFAULT now())"
        )
        applied = await _applied(connection)
        _refuse_newer(applied)
        missing = _missing(applied)
        for file in missing:
            await _apply(connection, file)
        return [file.name for file in missing]


async def pending(postgres: str) -> list[str]:
    """The names that `migrate` would apply. Raises Unfit where newer code has migrated the database."""
    async with await AsyncConnection.connect(postgres, autocommit=True) as connection:
        applied = await _applied(connection)
    _refuse_newer(applied)
    return [file.name for file in _missing(applied)]


async def check(postgres: str) -> None:
    """Raises Unfit unless the database is migrated just as far as this code goes."""
    if missing := await pending(postgres):
        raise Unfit(f"the database lacks {', '.join(missing)}; `framelog migrate` applies what is missing")


async def _apply(connection: AsyncConnection[tuple[str]], file: Traversable) -> None:
    try:
        async with connection.transaction():
            await connection.execute(file.read_bytes())
            await connection.execute("INSERT INTO public.migrations (name) VALUES (%s)", (file.name,))
    except OperationalError:  # Postgres went away: there is nothing wrong with the file
        raise
    except Error as error:
        raise Unfit(
            f"{file.name} cannot be applied: {str(error).splitlines()[0]}; nothing of it was: put the file back as it"
            " was released, then `framelog migrate`"
        ) from None


async def _applied(connection: AsyncConnection[tuple[str]]) -> list[str]:
    try:
        rows = await connection.execute("SELECT name FROM public.migrations ORDER BY name")
    except UndefinedTable:
        return []
    return [name for (name,) in await rows.fetchall()]


def _refuse_newer(applied: Sequence[str]) -> None:
    if newer := sorted(set(applied) - {file.name for file in _files()}):
        raise Unfit(f"the database was migrated by newer code ({', '.join(newer)}): start that version, or a later one")


def _missing(applied: Sequence[str]) -> list[Traversable]:
    return [file for file in _files() if file.name not in applied]


def _files() -> list[Traversable]:
    found = sorted(resources.files(__name__).iterdir(), key=lambda file: file.name)
    return [file for file in found if file.name.endswith(".sql")]
