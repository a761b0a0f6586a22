"""A thumbnail job from an address to bytes, against the thumbnail service of tutorials, with Celery and Redis."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from io import BytesIO
from itertools import count
from typing import Any

import aiohttp
from PIL import Image

from benchmarks import analysis, peers
from benchmarks.buckets import bucket
from benchmarks.percentiles import percentile
from benchmarks.photographs import photograph
from benchmarks.processes import PATIENCE, api, fetcher, free_port, http, line, processes
from benchmarks.site import site
from benchmarks.stand import Stack, Stand, stand
from benchmarks.table import Contender, Table, Target, interleaved
from deploy.local.supervisor import Supervisor

AT_ONCE, JOBS = 8, 40  # jobs in hand, and per run
GLANCE_SECONDS = 0.05
SMALLEST = 128
SAID = [
    "JPEG photographs of 12 MP and 3.45 MB at addresses on loopback, whose bytes all differ; three sizes of each are "
    f"made and kept, and the smallest is fetched. {AT_ONCE} jobs at a time, each asked about every "
    f"{GLANCE_SECONDS * 1000:.0f} ms until its bytes come. Ours: `POST /v1/jobs`, then `GET /v1/jobs/{{id}}/content`, "
    "the whole line at work; the original is kept, and what happened is in the log. Celery: FastAPI, the worker of the "
    "analysis table, Redis as broker and backend; for upright pictures, as ours always are, with "
    "`ImageOps.exif_transpose` before.",
]


@dataclass
class Service:
    """`ask` gives the address of a job's picture; `slowest` is what 5 % of a run's jobs exceeded, in seconds."""

    ask: Callable[[aiohttp.ClientSession, int], Awaitable[str]]
    authorization: str = ""
    slowest: list[float] = field(default_factory=list)

    async def run(self, numbers: list[int]) -> float:
        """Jobs per second."""
        left = iter(numbers)
        headers = {"Authorization": self.authorization} if self.authorization else {}
        async with aiohttp.ClientSession(headers=headers) as session:

            async def one_after_another() -> list[float]:
                return [await self._job(session, number) for number in left]

            since = time.perf_counter()
            taken = await asyncio.gather(*(one_after_another() for _ in range(AT_ONCE)))
            seconds = time.perf_counter() - since
        self.slowest.append(percentile([one for some in taken for one in some], 95))
        return len(numbers) / seconds

    async def _job(self, session: aiohttp.ClientSession, number: int) -> float:
        """Seconds from the question to the picture."""
        since = time.perf_counter()
        url = await self.ask(session, number)
        async with asyncio.timeout(PATIENCE):
            while not (picture := await _bytes(session, url)):  # noqa: ASYNC110 - another process makes it
                await asyncio.sleep(GLANCE_SECONDS)
        taken = time.perf_counter() - since
        assert max(Image.open(BytesIO(picture)).size) == SMALLEST
        return taken


async def tables(stack: Stack, rounds: int) -> AsyncIterator[Table]:
    numbers = count()
    async with services(stack) as every:
        runs: dict[str, Contender] = {name: _contender(service, numbers) for name, service in every.items()}
        targets = (Target("Framelog", "Celery", floor=2), Target("Framelog", "Celery, pictures upright"))
        table = Table("Thumbnails of addresses, 12 MP", "jobs/s", targets=targets, notes=SAID)
        yield await interleaved(table, runs, rounds)
        targets = (Target("Framelog", "Celery", ceiling=0.6), Target("Framelog", "Celery, pictures upright"))
        slowest = {name: [1_000 * one for one in service.slowest[1:]] for name, service in every.items()}
        yield Table("Thumbnails of addresses, 12 MP, from asking to bytes", "ms, p95", slowest, targets)


def _contender(service: Service, numbers: Any) -> Contender:
    return lambda: service.run([next(numbers) for _ in range(JOBS)])


@asynccontextmanager
async def services(stack: Stack) -> AsyncIterator[dict[str, Service]]:
    async with (
        stand(stack) as own,
        processes() as supervisor,
        site(photograph("12 MP", 4000, 3000, 3_450_000)) as address,
        bucket(stack, f"c{own.bucket}"),
    ):
        await line(supervisor, own)
        await fetcher(supervisor, own, allow_private_urls=address)
        yield {"Framelog": await _framelog(supervisor, own, address), **await _celery(supervisor, stack, own, address)}


async def _framelog(supervisor: Supervisor, own: Stand, address: str) -> Service:
    served = await api(supervisor, own, allow_private_urls=address)
    url = f"http://127.0.0.1:{served.port}/v1/jobs"

    async def ask(session: aiohttp.ClientSession, number: int) -> str:
        body = {"image_url": f"http://{address}/{number}.jpg", "algorithm": "thumbnail"}
        async with session.post(url, json=body) as answer:
            assert answer.status == 202, await answer.text()
            return f"{url}/{(await answer.json())['id']}/content"

    return Service(ask, served.authorization)


async def _celery(supervisor: Supervisor, stack: Stack, own: Stand, address: str) -> dict[str, Service]:
    environment, port = await analysis.celery(supervisor, stack, f"c{own.bucket}"), free_port()
    command = [peers.program("uvicorn"), "thumbnailer:app", "--port", str(port), "--no-access-log"]
    await supervisor.launch(http("thumbnailer", command, port, "/health", peers.PEERS, environment)).ready(PATIENCE)
    url = f"http://127.0.0.1:{port}/thumbnails"

    def service(upright: bool) -> Service:
        async def ask(session: aiohttp.ClientSession, number: int) -> str:
            async with session.post(url, json={"url": f"http://{address}/{number}.jpg", "upright": upright}) as answer:
                assert answer.status == 202, await answer.text()
                return f"{url}/{(await answer.json())['id']}"

        return Service(ask)

    return {"Celery": service(False), "Celery, pictures upright": service(True)}


async def _bytes(session: aiohttp.ClientSession, url: str) -> bytes:
    """The picture, or nothing yet."""
    async with session.get(url) as answer:
        assert answer.status in (200, 202, 409), await answer.text()
        return await answer.read() if answer.status == 200 else b""


prepare = analysis.prepare
