"""Ingest's routes behind a real server on loopback, with a test's own bucket, topics and database."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

import httpx
import psycopg
from fastapi import APIRouter, FastAPI
from psycopg.conninfo import make_conninfo

from adapters.accounts import Accounts
from adapters.admin import create_bucket, create_topics, delete_topics
from adapters.edge import uuid7
from adapters.ends import Ends
from adapters.fresh import Fresh
from adapters.http import application
from adapters.http_server import server
from adapters.keys import FILE as KEYS
from adapters.log import Log, Names
from adapters.objects import Objects
from adapters.outbound import Outbound
from adapters.principal import Principals
from adapters.read_model import ReadModel
from migrations import migrate
from services.ingest.bootstrap import CREDENTIALS, first_start
from services.ingest.budget import Budget
from services.ingest.callbacks import Callbacks
from services.ingest.media import Limits
from services.ingest.proposals import Proposals
from services.ingest.receive import Receiver
from services.ingest.routes_images import ROUTES, Ingest
from services.ingest.write import Writer
from tests.declared import declared
from tests.running import House, Stack

MIB = 1024 * 1024
LIMITS = Limits(bytes=20 * MIB, pixels=50_000_000, frames=1_000, animation_pixels=2_000_000_000)
ALGORITHMS = ("metadata", "thumbnail")


@dataclass(frozen=True)
class Served:
    url: str
    host: str
    port: int
    objects: Objects
    budget: Budget
    bearer: dict[str, str]

    async def keys(self) -> list[str]:
        return [one.key async for one in self.objects.list()]

    async def unfinished(self) -> bool:
        """Whether the bucket holds parts of an upload that nobody completed or gave up."""
        async with self.objects._s3.call("GET", query={"uploads": ""}) as answer:
            return b"<UploadId>" in await answer.read()

    def client(self) -> httpx.AsyncClient:
        hooks = {"response": [declared]}
        return httpx.AsyncClient(base_url=self.url, timeout=30, headers=self.bearer, event_hooks=hooks)


@asynccontextmanager
async def own_house(stack: Stack) -> AsyncIterator[House]:
    """What the fixture `house` is to one test, for a whole file."""
    name = f"t{uuid4().hex[:12]}"
    names, database = Names(f"{name}-"), make_conninfo(stack.postgres, dbname=name)
    async with await psycopg.AsyncConnection.connect(stack.postgres, autocommit=True) as postgres:
        await create_topics(stack.kafka, names)
        await create_bucket(stack.s3, stack.s3_access_key, stack.s3_secret_key, name, "us-east-1")
        await postgres.execute(f"CREATE DATABASE {name}".encode())
        await migrate(database)
        with TemporaryDirectory() as home:
            yield House(stack, names, name, database, Path(home))
        await postgres.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())
        await delete_topics(stack.kafka, names)
        async with Objects(stack.s3, stack.s3_access_key, stack.s3_secret_key, name, "us-east-1") as objects:
            async for one in objects.list():
                await objects.delete(one.key)
            async with objects._s3.call("DELETE"):
                pass


async def known() -> frozenset[str]:
    return frozenset({*ALGORITHMS, "hash"})


@asynccontextmanager
async def serving(
    house: House, limits: Limits = LIMITS, budget: int = 96 * MIB, patience: float = 10.0, idle: float = 30.0
) -> AsyncIterator[Served]:
    stack = house.stack
    bytes_held = Budget(budget, patience)
    async with (
        Objects(stack.s3, stack.s3_access_key, stack.s3_secret_key, house.bucket, "us-east-1") as objects,
        Log(stack.kafka, house.names) as log,
        ReadModel(house.database) as read_model,
        Ends(stack.kafka, house.names) as ends,
    ):
        receiver = Receiver(objects, bytes_held, limits, lambda: f"uploads/{uuid7()}")
        fresh = Fresh(read_model, ends)
        writer = Writer(Proposals(log, read_model, lambda: datetime.now(UTC)), read_model, fresh)
        keys = await first_start(
            stack.kafka,
            house.names,
            house.home / KEYS,
            house.home / CREDENTIALS,
            "http://127.0.0.1:1",
            datetime.now(UTC),
        )
        ingest = Ingest(receiver, writer, Callbacks(Outbound(), keys), ALGORITHMS, known)
        principals = Principals(keys, Accounts(read_model, fresh))
        async with listening(ingest, (ROUTES,), idle, principals) as (host, port):
            yield Served(f"http://{host}:{port}", host, port, objects, bytes_held, house.bearer())


@asynccontextmanager
async def listening(
    ingest: Ingest | None,
    routers: Sequence[APIRouter],
    idle: float = 30.0,
    principals: Principals | None = None,
    trusted: Sequence[IPv4Network | IPv6Network] = (),
) -> AsyncIterator[tuple[str, int]]:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.ingest, app.state.principals = ingest, principals
        yield

    one = server(application("test", "0", lifespan, routers, idle), "127.0.0.1", 0, trusted=trusted)
    running = asyncio.create_task(one.serve())
    while not one.started:
        await asyncio.sleep(0.01)
        if running.done():
            await running
    try:
        yield one.servers[0].sockets[0].getsockname()
    finally:
        one.should_exit = True
        await running
