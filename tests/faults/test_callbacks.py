"""A callback is sent at least once whatever dies, the database included, and never again once it has ended."""

import asyncio
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import httpx
import psycopg
import pytest
from minio import Minio
from psycopg.conninfo import conninfo_to_dict
from psycopg.sql import SQL, Identifier

from migrations import migrate
from services.projector.positions import ends
from services.projector.source import Log as Source
from tests.integration.rebuilding import framelog, said
from tests.pictures import photograph
from tests.query.world import ready, served
from tests.receivers import Answer, Receiver, receiver
from tests.running import House

DELIVERED, OWED = 20, 5


@pytest.fixture
def hooks() -> Iterator[Receiver]:
    with receiver() as one:
        yield one


@asynccontextmanager
async def running(house: House, hooks: Receiver, notifying: bool = True) -> AsyncIterator[httpx.AsyncClient]:
    """Every process that a callback goes through; who asks is `admin`."""
    outside = {"allow_private_urls": hooks.address}
    async with AsyncExitStack() as started:
        await started.enter_async_context(house.run("services.projector"))
        await started.enter_async_context(house.run("services.analyzer"))
        url = await started.enter_async_context(served(house, **outside))
        client = await started.enter_async_context(httpx.AsyncClient(base_url=url, timeout=30))
        await ready(client)
        client.headers.update(house.bearer())
        if notifying:
            await started.enter_async_context(notifier(house, hooks))
        yield client


def notifier(house: House, hooks: Receiver) -> Any:
    return house.run("services.notifier", allow_private_urls=hooks.address, callback_retries="0,600,600")


async def asked(client: httpx.AsyncClient, hooks: Receiver, paths: list[str]) -> dict[str, str]:
    """A job for each path that is to be called; its id by the path."""
    answer = await client.post("/v1/images", files={"file": photograph()})
    made = {}
    for path in paths:
        body = {"image_id": answer.json()["id"], "algorithm": "hash", "callback_url": hooks.url(path)}
        made[path] = (await client.post("/v1/jobs", json=body)).json()["id"]
    return made


async def statuses(client: httpx.AsyncClient, jobs: dict[str, str]) -> dict[str, str]:
    return {path: (await client.get(f"/v1/jobs/{id_}")).json()["callback"]["status"] for path, id_ in jobs.items()}


async def until(client: httpx.AsyncClient, jobs: dict[str, str], expected: dict[str, str]) -> None:
    async with asyncio.timeout(30):
        while True:
            if await statuses(client, jobs) == expected:
                return
            await asyncio.sleep(0.2)


async def test_with_the_database_lost_exactly_those_arrive_that_were_still_owed(house: House, hooks: Receiver) -> None:
    good = [f"/good/{number}" for number in range(DELIVERED)]
    down = [f"/down/{number}" for number in range(OWED)]
    hooks.answer = lambda path, _: 204 if path in good else 503
    async with running(house, hooks) as client:
        jobs = await asked(client, hooks, [*good, *down])
        await asyncio.to_thread(hooks.wait, DELIVERED + OWED, 60)
        await until(client, jobs, dict.fromkeys(good, "delivered") | dict.fromkeys(down, "pending"))
    before = {call.path: call for call in hooks.calls}
    await lost(house)
    hooks.calls.clear()
    hooks.answer = lambda _, __: 204
    async with running(house, hooks) as client:
        await asyncio.to_thread(hooks.wait, OWED, 60)
        await until(client, jobs, dict.fromkeys(jobs, "delivered"))
        await asyncio.sleep(1)
    assert sorted(call.path for call in hooks.calls) == down
    assert [call.id for call in hooks.calls] == [before[call.path].id for call in hooks.calls]


async def test_a_notifier_killed_in_the_middle_of_a_try_leaves_it_to_the_next(house: House, hooks: Receiver) -> None:
    def hangs_once(_: str, before: int) -> Answer:
        if before == 0:
            hooks.release.wait(20)
        return 204

    hooks.answer = hangs_once
    async with running(house, hooks, notifying=False) as client:
        async with notifier(house, hooks) as first:
            jobs = await asked(client, hooks, ["/once"])
            await asyncio.to_thread(hooks.wait, 1, 60)
            first.send_signal(signal.SIGKILL)
            await first.wait()
        async with notifier(house, hooks):
            first_call, second_call = await asyncio.to_thread(hooks.wait, 2, 60)
            await until(client, jobs, {"/once": "delivered"})
    assert (first_call.id, first_call.body) == (second_call.id, second_call.body)


async def lost(house: House) -> None:
    """The database is gone with all that was in it; only the log is left."""
    name = Identifier(str(conninfo_to_dict(house.database)["dbname"]))
    async with await psycopg.AsyncConnection.connect(house.stack.postgres, autocommit=True) as postgres:
        await postgres.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(name))
        await postgres.execute(SQL("CREATE DATABASE {}").format(name))
    await migrate(house.database)


async def test_a_rebuild_makes_no_event_no_object_and_no_callback(house: House, hooks: Receiver) -> None:
    async with running(house, hooks) as client:
        paths = [f"/job/{number}" for number in range(5)]
        jobs = await asked(client, hooks, paths)
        image = (await client.get("/v1/images")).json()["items"][0]["id"]
        assert (await client.post("/v1/posts", json={"image_id": image})).status_code == 201
        await until(client, jobs, dict.fromkeys(paths, "delivered"))
        before = await counted(house, hooks)
        code, _, err = await said(await framelog(house, "rebuild", "--json"))
        assert code == 0, err
        assert await statuses(client, jobs) == dict.fromkeys(paths, "delivered")
        await asyncio.sleep(1)
        assert await counted(house, hooks) == before
    assert before["calls"] == len(paths)


async def counted(house: House, hooks: Receiver) -> dict[str, int]:
    """Everything that can be made: records, objects, calls, and what waits to be called."""
    log = await ends(Source(house.stack.kafka, house.names))
    address = house.stack.s3.partition("://")[2]
    store = Minio(address, house.stack.s3_access_key, house.stack.s3_secret_key, secure=False)
    objects = await asyncio.to_thread(lambda: list(store.list_objects(house.bucket, recursive=True)))
    async with await psycopg.AsyncConnection.connect(house.database) as connection:
        queued = await (await connection.execute("SELECT count(*) FROM unlogged.procrastinate_jobs")).fetchone()
    assert queued
    return {"records": sum(log.values()), "objects": len(objects), "calls": len(hooks.calls), "queued": queued[0]}
