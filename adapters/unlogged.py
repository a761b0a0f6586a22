"""Postgres's schema `unlogged`: what is not in the log, and may be lost."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from psycopg import AsyncConnection, OperationalError
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from adapters.read_model import RECONNECT_SECONDS
from contracts.events import TryLater

PATIENCE = 2.0
CONNECTIONS = 4


class Unlogged:
    """A few connections of its own. Raises TryLater while Postgres is down."""

    def __init__(self, postgres: str) -> None:
        self._pool = AsyncConnectionPool(
            postgres,
            min_size=0,
            max_size=CONNECTIONS,
            timeout=PATIENCE,
            reconnect_timeout=RECONNECT_SECONDS,
            kwargs={"autocommit": True},
            open=False,
        )

    async def __aenter__(self) -> "Unlogged":
        await self._pool.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._pool.close(timeout=1)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[AsyncConnection[tuple[Any, ...]]]:
        try:
            async with self._pool.connection() as connection:
                yield connection
        except (OperationalError, PoolTimeout) as error:
            raise TryLater(f"Postgres does not answer: {error}") from error
