"""What the library eventsourcing replays a second: its own recorder and its own projection, as documented."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from uuid import uuid4

from psycopg import AsyncConnection
from psycopg.conninfo import conninfo_to_dict

from benchmarks import peers
from benchmarks.stand import Stack, database

IMAGES = 700
NAMED = ("dbname", "host", "port", "user", "password")
PROJECTED = "DROP TABLE IF EXISTS images, facts, rows_tracking"


@asynccontextmanager
async def replayed(stack: Stack) -> AsyncIterator[Callable[[], Awaitable[float]]]:
    """Events per second, each time into empty tables."""
    async with database(stack, f"b{uuid4().hex[:12]}") as url:
        await _run(url, "record")

        async def projected() -> float:
            async with await AsyncConnection.connect(url, autocommit=True) as connection:
                await connection.execute(PROJECTED)
            return float(await _run(url, "project"))

        yield projected


async def _run(url: str, what: str) -> str:
    named = conninfo_to_dict(url)
    environment = {
        f"POSTGRES_{name.upper()}": str(named[name]) for name in ("dbname", "host", "port", "user", "password")
    }
    process = await asyncio.create_subprocess_exec(
        *(peers.program("python"), str(peers.PEERS / "replayed.py"), what, str(IMAGES)),
        env={**os.environ, "PERSISTENCE_MODULE": "eventsourcing.postgres", **environment},
        stdout=asyncio.subprocess.PIPE,
    )
    said, _ = await process.communicate()
    assert process.returncode == 0
    return said.decode()
