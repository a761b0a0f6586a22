"""From an upload until it, and what its analysis found, can be read: on an idle stack, and at half of its capacity."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from uuid import UUID

import aiohttp
import orjson
from psycopg import AsyncConnection

from benchmarks.percentiles import Percentiles
from benchmarks.photographs import Photograph, photograph
from benchmarks.processes import api, line, processes
from benchmarks.stand import Stack, Stand, stand

CAPACITY_UPLOADS, CAPACITY_CLIENTS = 120, 8
IDLE_UPLOADS, BUSY_UPLOADS = 40, 60  # per round
PATIENCE = 60.0
GLANCE_SECONDS = 0.005
ANSWERED, SEEN, ANALYSED = "201", "visible in the read model", "analysis visible"
STATES = """
SELECT image_id, state FROM framelog.images LEFT JOIN framelog.attempts USING (image_id) WHERE image_id = ANY(%s)
"""
INCOMPLETE = "SELECT count(*) FROM framelog.described_images WHERE status <> 'completed'"
SAID = [
    "Each from the first byte of the upload: a JPEG of 1 MP and 253 kB with all of the house's algorithms, the whole "
    f"line running. The read model is asked every {GLANCE_SECONDS * 1000:.0f} ms; every image must end `completed`.",
]


@dataclass
class Watched:
    """One upload: when it was begun, when it was seen, in seconds of the loop's clock."""

    begun: float
    analysed: asyncio.Event = field(default_factory=asyncio.Event)
    seen_at: float = 0.0
    analysed_at: float = 0.0


@dataclass
class Line:
    """The whole line with one photograph to send to it, and an eye on its read model."""

    photo: Photograph
    session: aiohttp.ClientSession
    address: str
    connection: AsyncConnection
    stand: Stand
    sent: int = 0
    waiting: dict[UUID, Watched] = field(default_factory=dict)
    samples: dict[str, list[float]] = field(default_factory=dict)

    async def upload(self) -> None:
        """Returns when its analysis is visible."""
        self.sent += 1
        form = aiohttp.FormData()
        form.add_field("file", self.photo.numbered(self.sent), filename="photo.jpg", content_type="image/jpeg")
        watched = Watched(begun=_now())
        async with self.session.post(self.address, data=form) as answer:
            assert answer.status == 201, await answer.text()
            image = UUID(orjson.loads(await answer.read())["id"])
        answered = _now()
        self.waiting[image] = watched
        async with asyncio.timeout(PATIENCE):
            await watched.analysed.wait()
        for name, at in ((ANSWERED, answered), (SEEN, watched.seen_at), (ANALYSED, watched.analysed_at)):
            self.samples.setdefault(name, []).append((at - watched.begun) * 1000)

    async def watch(self) -> None:
        """Until cancelled."""
        while True:
            await asyncio.sleep(GLANCE_SECONDS)
            if not self.waiting:
                continue
            found = await (await self.connection.execute(STATES, (list(self.waiting),))).fetchall()
            for image, state in found:
                self._see(image, state)

    def _see(self, image: UUID, state: str | None) -> None:
        """`state` is of its analysis, None before that has begun."""
        watched = self.waiting[image]
        watched.seen_at = watched.seen_at or _now()
        if state in ("completed", "failed"):
            watched.analysed_at = _now()
            watched.analysed.set()
            del self.waiting[image]

    async def taken(self) -> dict[str, list[float]]:
        """The samples so far, which then begin anew, of images that are complete."""
        incomplete = await (await self.connection.execute(INCOMPLETE)).fetchone()
        assert incomplete == (0,), f"{incomplete} images did not end completed"
        taken, self.samples = self.samples, {}
        return taken


async def tables(stack: Stack, rounds: int) -> AsyncIterator[Percentiles]:
    async with running(stack) as own:
        rate = await capacity(own)
        print(f"  the whole line does {rate:.1f} images/s", flush=True)
        await own.taken()
        await one_by_one(own, IDLE_UPLOADS * rounds)
        yield Percentiles(f"Upload until visible, {IDLE_UPLOADS * rounds} uploads one at a time", await own.taken())
        await paced(own, BUSY_UPLOADS * rounds, rate / 2)
        title = f"Upload until visible, {BUSY_UPLOADS * rounds} uploads at {rate / 2:.1f} a second, half of the most"
        yield Percentiles(title, await own.taken(), SAID)


async def capacity(own: Line) -> float:
    """Images per second, from the first byte of the first to the visible analysis of the last."""
    await asyncio.gather(*(own.upload() for _ in range(CAPACITY_CLIENTS)))  # warm
    few = asyncio.Semaphore(CAPACITY_CLIENTS * 4)

    async def one() -> None:
        async with few:
            await own.upload()

    start = _now()
    await asyncio.gather(*(one() for _ in range(CAPACITY_UPLOADS)))
    return CAPACITY_UPLOADS / (_now() - start)


async def one_by_one(own: Line, uploads: int) -> None:
    for _ in range(uploads):
        await own.upload()
        await asyncio.sleep(0.02)


async def paced(own: Line, uploads: int, rate: float) -> None:
    """One begins every 1/`rate` s, however the others fare."""
    async with asyncio.TaskGroup() as tasks:
        for _ in range(uploads):
            tasks.create_task(own.upload())
            await asyncio.sleep(1 / rate)


@asynccontextmanager
async def running(stack: Stack) -> AsyncIterator[Line]:
    photo = photograph("1 MP", 1152, 864, 253_000)
    async with stand(stack) as own, processes() as supervisor, aiohttp.ClientSession() as session:
        await line(supervisor, own)
        served = await api(supervisor, own)
        session.headers["Authorization"] = served.authorization
        async with await AsyncConnection.connect(own.database, autocommit=True) as connection:
            found = Line(photo, session, f"http://127.0.0.1:{served.port}/v1/images", connection, own)
            async with asyncio.TaskGroup() as tasks:
                watching = tasks.create_task(found.watch())
                yield found
                watching.cancel()


def _now() -> float:
    return asyncio.get_running_loop().time()
