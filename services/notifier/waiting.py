"""Callbacks that have not ended, in Postgres's schema `unlogged`: what to send, how the tries went, what comes next."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.rows import class_row

from adapters.unlogged import Unlogged
from services.notifier.feed import BEGINNING, Cursor
from services.notifier.queue import Queue
from services.notifier.schedule import Later

LOCK = 0x6E6F7469  # 'noti': one notifier at a time moves the cursor

COLUMNS = "delivery, request, job, owner, url, sealed_token, body, traceparent, attempts"
FIND = f"SELECT {COLUMNS} FROM unlogged.callbacks WHERE delivery = %s"
ADD = f"""
INSERT INTO unlogged.callbacks ({COLUMNS}) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING
"""
TRIED = "UPDATE unlogged.callbacks SET attempts = %s, last_status = %s, next_attempt_at = %s WHERE delivery = %s"
FORGET = "DELETE FROM unlogged.callbacks WHERE delivery = %s"
WAITING = """
SELECT count(*), coalesce(
    (SELECT extract(epoch FROM now() - min(at)) FROM unlogged.procrastinate_events WHERE type = 'deferred'), 0)::float8
FROM unlogged.callbacks
"""
CURSOR = "SELECT topic, partition, next_offset FROM unlogged.notified"
MOVE = """
INSERT INTO unlogged.notified (topic, partition, next_offset) VALUES (%s, %s, %s)
ON CONFLICT (topic, partition) DO UPDATE SET next_offset = excluded.next_offset
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Callback:
    """One delivery that has not ended. `attempts` are those made so far; the token is sealed."""

    delivery: UUID
    request: UUID
    job: UUID
    owner: str
    url: str
    sealed_token: str | None
    body: bytes
    traceparent: str | None = None
    attempts: int = 0


class Waiting:
    """Raises TryLater while Postgres is down."""

    def __init__(self, unlogged: Unlogged, queue: Queue) -> None:
        self._unlogged = unlogged
        self._queue = queue

    async def cursor(self) -> Cursor:
        async with self._unlogged.connection() as connection:
            return await _cursor(connection)

    async def add(self, callbacks: Sequence[Callback], before: Cursor, after: Cursor) -> bool:
        """Queue what is owed and move the cursor, in one transaction; False if another notifier has moved it."""
        async with self._unlogged.connection() as connection, connection.transaction():
            await connection.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK,))
            if await _cursor(connection) != before:
                return False
            await connection.execute("SET LOCAL search_path TO unlogged")
            for one in callbacks:
                await self._add(connection, one)
            async with connection.cursor() as moving:
                await moving.executemany(MOVE, [(*at, end) for at, end in after.items() if before[at] != end])
        return True

    async def count(self) -> tuple[int, float]:
        """How many there are, and how long ago the oldest was queued, in seconds."""
        async with self._unlogged.connection() as connection:
            found = await (await connection.execute(WAITING)).fetchone()
        assert found is not None  # an aggregate always has a row
        return found[0], max(0.0, found[1]) if found[0] else 0.0

    async def find(self, delivery: UUID) -> Callback | None:
        async with (
            self._unlogged.connection() as connection,
            connection.cursor(row_factory=class_row(Callback)) as rows,
        ):
            return await (await rows.execute(FIND, (delivery,))).fetchone()

    async def tried(self, callback: Callback, later: Later) -> None:
        """One more try came to nothing, and the next one is due `later`."""
        async with self._unlogged.connection() as connection:
            await connection.execute(TRIED, (callback.attempts + 1, later.status, later.at, callback.delivery))

    async def forget(self, delivery: UUID) -> None:
        async with self._unlogged.connection() as connection:
            await connection.execute(FORGET, (delivery,))

    async def _add(self, connection: AsyncConnection[Any], one: Callback) -> None:
        row = (
            *(one.delivery, one.request, one.job, one.owner, one.url, one.sealed_token, one.body),
            *(one.traceparent, one.attempts),
        )
        if (await connection.execute(ADD, row)).rowcount:
            await self._queue.add(one.delivery, connection)


async def _cursor(connection: AsyncConnection[Any]) -> Cursor:
    rows = await (await connection.execute(CURSOR)).fetchall()
    return BEGINNING | {(topic, partition): offset for topic, partition, offset in rows}
