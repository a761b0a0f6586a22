"""What a benchmark stands on: a real stack, and names of its own on it."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

from psycopg import AsyncConnection
from psycopg.conninfo import make_conninfo
from psycopg.sql import SQL, Identifier

from adapters.admin import create_bucket, create_topics, delete_topics
from adapters.log import Log, Names
from benchmarks.lives import life
from contracts.codec import Event
from contracts.events import Cause
from migrations import migrate

WARM_IMAGES = 3_000


@dataclass(frozen=True)
class Stack:
    """Addresses of real servers."""

    kafka: str
    s3: str
    s3_access_key: str
    s3_secret_key: str
    postgres: str


@dataclass(frozen=True)
class Stand:
    """Topics, a bucket and a migrated database of one benchmark."""

    stack: Stack
    names: Names
    bucket: str
    database: str
    home: Path


@asynccontextmanager
async def stand(stack: Stack) -> AsyncIterator[Stand]:
    name = f"b{uuid4().hex[:12]}"
    names = Names(f"{name}-")
    await create_topics(stack.kafka, names)
    await create_bucket(stack.s3, stack.s3_access_key, stack.s3_secret_key, name, "us-east-1")
    with TemporaryDirectory(prefix="framelog-bench-") as home:
        async with database(stack, name) as own:
            yield Stand(stack, names, name, own, Path(home))
    await delete_topics(stack.kafka, names)


@asynccontextmanager
async def database(stack: Stack, name: str) -> AsyncIterator[str]:
    """A migrated database that is gone afterwards."""
    async with await AsyncConnection.connect(stack.postgres, autocommit=True) as connection:
        await connection.execute(SQL("CREATE DATABASE {}").format(Identifier(name)))
        own = make_conninfo(stack.postgres, dbname=name)
        await migrate(own)
        yield own
        await connection.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(name)))


async def warm(stack: Stack) -> None:
    """Append till Java has compiled all of it, as in a broker that has run for an hour: the first thousand appends cost
    it five times the CPU of later ones."""
    async with stand(stack) as own, Log(stack.kafka, own.names) as log:
        await fill(log, (list(life("warm", number)) for number in range(WARM_IMAGES)), window=4)


async def fill(log: Log, events: Iterable[Iterable[tuple[Event, Cause]]], window: int = 500) -> None:
    """Append the events of many aggregates, each in its order."""

    async def one(of: Iterable[tuple[Event, Cause]]) -> None:
        async with free:
            for event, cause in of:
                await log.append(event, cause)

    free = asyncio.Semaphore(window)
    await asyncio.gather(*(one(of) for of in events))
