"""From one read model to the next: one build at a time, fence the old one, switch, and never leave it fenced."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from psycopg import AsyncConnection
from psycopg.errors import DeadlockDetected

from services.projector import schema

Connection = AsyncConnection[tuple[Any, ...]]

LOCK = 0x6275696C64  # 'build'


class AlreadyBuilding(Exception):
    """Another build is under way. One line."""


@asynccontextmanager
async def alone(postgres: str) -> AsyncIterator[Connection]:
    """The connection of the one build there is: what fences and switches, so that who has lost it can do neither.

    Raises AlreadyBuilding.
    """
    async with await AsyncConnection.connect(postgres, autocommit=True) as connection:
        if not await _locked(connection):
            raise AlreadyBuilding("another build is under way; `framelog rebuild --status` shows how far it is")
        yield connection  # the lock ends with the connection


async def fence(connection: Connection, name: str) -> None:
    """Nobody writes to the schema from now on, whoever does at this moment."""
    query = "UPDATE projection.offsets SET state = 'fenced', epoch = epoch + 1 WHERE schema = %s"
    while True:
        with suppress(DeadlockDetected):  # somebody who holds one row waits for another: it is their turn first
            await connection.execute(query, (name,))
            return


async def unfence(connection: Connection, name: str) -> None:
    await connection.execute("UPDATE projection.offsets SET state = 'following' WHERE schema = %s", (name,))


async def switch(connection: Connection, name: str) -> None:
    """Serve `name` from now on. The one that was served is kept, and of those before it none."""
    async with connection.transaction():
        before = await schema.live(connection)
        await schema.switch(connection, name)
        await unfence(connection, name)
        await connection.execute("UPDATE projection.schemas SET state = 'ready' WHERE name = %s", (name,))
        await connection.execute("DELETE FROM projection.builds WHERE schema = %s", (name,))
        await connection.execute(
            "UPDATE projection.schemas SET state = 'retired' WHERE name <> %s AND state IN ('ready', 'retired')",
            (name,),
        )
    for old in await _names(connection, "state = 'retired'"):
        if old != before:
            await schema.drop(connection, old)


async def is_over(connection: Connection, name: str) -> bool:
    """Asked by who found `name` fenced: whether another schema is served. Where the build that fenced it has died, the
    fence is taken away: that build can switch no more."""
    if await schema.live(connection) != name:
        return True
    if await _locked(connection):
        await unfence(connection, name)
        await connection.execute("SELECT pg_advisory_unlock(%s)", (LOCK,))
    return False


async def _locked(connection: Connection) -> bool:
    row = await (await connection.execute("SELECT pg_try_advisory_lock(%s)", (LOCK,))).fetchone()
    return bool(row and row[0])


async def _names(connection: Connection, condition: str) -> list[str]:
    rows = await connection.execute(f"SELECT name FROM projection.schemas WHERE {condition}".encode())
    return [name for (name,) in await rows.fetchall()]
