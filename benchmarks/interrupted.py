"""The price of correctness: what the whole line does while one of its processes is killed every ten seconds."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from itertools import count, cycle
from typing import LiteralString
from uuid import uuid4

import aiohttp
import orjson
from psycopg import AsyncConnection

from benchmarks.photographs import Photograph, photograph
from benchmarks.processes import api, line, processes
from benchmarks.stand import Stack, Stand, stand
from benchmarks.table import Table, Target, interleaved
from deploy.local.supervisor import Supervisor

IMAGES, CLIENTS = 2_000, 8
EVERY_SECONDS = 10.0
AGAIN_SECONDS = 0.2
PATIENCE = 180.0
VICTIMS = ("projector", "analyzer", "api")
ENDED = "SELECT count(*) FROM framelog.attempts WHERE finished_at IS NOT NULL"
COMPLETED = "SELECT count(*) FROM framelog.described_images WHERE status = 'completed'"
CALM, KILLED = "left alone", "a process killed every 10 s"
SAID = (
    f"{IMAGES} uploads of a JPEG of 1 MP by {CLIENTS} clients that wait for their 201 alone and, where they get none, "
    "ask again with the same Idempotency-Key; until the last is analysed and visible. Killed by SIGKILL, in turn: the "
    "projector, the analyzer, the API; the supervisor starts them again. Every image must be there once."
)


async def tables(stack: Stack, rounds: int) -> AsyncIterator[Table]:
    async with stand(stack) as own, processes() as supervisor:
        await line(supervisor, own)
        served = await api(supervisor, own)
        sending = Sending(own, supervisor, f"http://127.0.0.1:{served.port}/v1/images", served.authorization)
        await sending.run()  # warm
        table = Table("The whole line while it is killed", "images/s", targets=(Target(KILLED, CALM, floor=0.8),))
        table.notes.append(SAID)
        yield await interleaved(table, {CALM: sending.run, KILLED: sending.run_and_kill}, rounds)


class Sending:
    def __init__(self, own: Stand, supervisor: Supervisor, url: str, authorization: str) -> None:
        self._own = own
        self._supervisor = supervisor
        self._url = url
        self._headers = {"Authorization": authorization}
        self._photo: Photograph = photograph("1 MP", 1152, 864, 253_000)
        self._numbers = count()
        self._victims = cycle(VICTIMS)
        self._done = 0

    async def run(self) -> float:
        """Images per second, from the first byte of the first to the visible analysis of the last."""
        begin = asyncio.get_running_loop().time()
        numbers = iter([next(self._numbers) for _ in range(IMAGES)])
        async with aiohttp.ClientSession(headers=self._headers) as session:

            async def one_after_another() -> None:
                for number in numbers:
                    await self._upload(session, number)

            await asyncio.gather(*(one_after_another() for _ in range(CLIENTS)))
        await self._completed()
        return IMAGES / (asyncio.get_running_loop().time() - begin)

    async def run_and_kill(self) -> float:
        async with self._killing():
            return await self.run()

    async def _upload(self, session: aiohttp.ClientSession, number: int) -> None:
        key = {"Idempotency-Key": uuid4().hex}
        while True:
            form = aiohttp.FormData()
            form.add_field("file", self._photo.numbered(number), filename="photo.jpg", content_type="image/jpeg")
            with suppress(aiohttp.ClientError):
                async with session.post(self._url, data=form, headers=key) as answer:
                    if answer.status in (200, 201):
                        return
                    assert answer.status == 503, orjson.loads(await answer.read())
            await asyncio.sleep(AGAIN_SECONDS)

    async def _completed(self) -> None:
        self._done += IMAGES
        async with asyncio.timeout(PATIENCE):
            while await self._count(ENDED) < self._done:  # noqa: ASYNC110 - other processes do it
                await asyncio.sleep(0.05)
            while (seen := await self._count(COMPLETED)) < self._done:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        assert seen == self._done

    async def _count(self, query: LiteralString) -> int:
        async with await AsyncConnection.connect(self._own.database, autocommit=True) as connection:
            row = await (await connection.execute(query)).fetchone()
        assert row
        return int(row[0])

    @asynccontextmanager
    async def _killing(self) -> AsyncIterator[None]:
        async def kill() -> None:
            while True:
                await asyncio.sleep(EVERY_SECONDS)
                victim = next(self._victims)
                for kept in self._supervisor.kept:
                    if kept.program.name == victim:
                        kept.kill()

        killing = asyncio.create_task(kill())
        try:
            yield
        finally:
            killing.cancel()
