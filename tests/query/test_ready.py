"""Ready, degraded, or not: real Kafka, MinIO and Postgres, some of which cannot be reached."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg
from psycopg.conninfo import conninfo_to_dict

from adapters.ends import Ends
from adapters.log import Log
from adapters.objects import Objects
from adapters.read_model import ReadModel
from services.query.ready import Readiness, State
from tests import events
from tests.events import cause, uid
from tests.running import House

NOWHERE = "http://127.0.0.1:9"


@asynccontextmanager
async def readiness(house: House, s3: str | None = None, bucket: str | None = None) -> AsyncIterator[Readiness]:
    stack = house.stack
    async with (
        ReadModel(house.database) as read_model,
        Ends(stack.kafka, house.names) as ends,
        Objects(
            s3 or stack.s3, stack.s3_access_key, stack.s3_secret_key, bucket or house.bucket, "us-east-1"
        ) as objects,
    ):
        yield Readiness(read_model, ends, objects)


async def becomes(found: Readiness, state: State, within: float = 20) -> None:
    async with asyncio.timeout(within):
        while True:
            if await found.state() == state:
                return
            await asyncio.sleep(0.05)


async def test_it_is_ready_once_the_read_model_has_what_the_log_held(house: House) -> None:
    async with readiness(house) as found, Log(house.stack.kafka, house.names) as log:
        await log.append(events.uploaded(uid("image")), cause(1))
        assert await found.state() == State(down=("read model",))
        async with house.run("services.projector"):
            await becomes(found, State())
        await log.append(events.uploaded(uid("other")), cause(2))
        assert await found.state() == State()  # what came later is nobody's to wait for


async def test_without_object_storage_it_is_not_ready(house: House) -> None:
    async with house.run("services.projector"):
        async with readiness(house, s3=NOWHERE) as found:
            await becomes(found, State(down=("object storage",)))
        async with readiness(house, bucket=f"{house.bucket}-not") as found:
            await becomes(found, State(down=("object storage",)))


async def test_without_postgres_it_is_ready_and_degraded_but_only_after_it_was_ready(house: House) -> None:
    async with readiness(house) as first, readiness(house) as second:
        assert await first.state() == State(down=("read model",))
        async with house.run("services.projector"):
            await becomes(first, State())
        await allow(house, connections=False)
        assert await second.state() == State(down=("postgres",))
        assert await first.state() == State(degraded=("postgres",))
        await allow(house, connections=True)
        await becomes(second, State())
        await becomes(first, State())


async def allow(house: House, *, connections: bool) -> None:
    name = conninfo_to_dict(house.database)["dbname"]
    async with await psycopg.AsyncConnection.connect(house.stack.postgres, autocommit=True) as postgres:
        await postgres.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS {str(connections).lower()}'.encode())
        if not connections:
            await postgres.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,))
