"""Classification over HTTP, against the same network in bare processes that do nothing but decode and run it."""

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from io import BytesIO
from itertools import count
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory

import aiohttp
from PIL import Image

from benchmarks import mobilenet
from benchmarks.percentiles import Percentiles
from benchmarks.photographs import Photograph, photograph
from benchmarks.processes import CLONE, PATIENCE, free_port, http, processes
from benchmarks.stand import Stack
from benchmarks.table import Table, Target, interleaved
from services.analyzer.decoder import FRUGAL
from services.analyzer.models import shelf
from services.analyzer.models.card import card_of, read
from services.analyzer.models.network import Network

CORES = os.cpu_count() or 1
CONNECTIONS = 2 * CORES
PICTURES = 200
CPU = ("CPUExecutionProvider",)
SAID = [
    "A network of MobileNetV2's shape with random weights, JPEG photographs of 1 MP and 253 kB whose bytes all differ. "
    f"Ours: `POST /v1/infer/classification` from {CONNECTIONS} connections, in guarded decoders. Bare: decoded by "
    "Pillow and the network by the same code, in as many processes that are sent the bytes; not upright, not guarded.",
]
bare: Network


class Ours:
    """Inference over HTTP, and where to ask it."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session, self._url = session, url

    async def ask(self, data: bytes) -> None:
        async with self._session.post(self._url, data=data) as answer:
            said = await answer.json()
            assert len(said["result"]["labels"]) == 5, said


async def tables(_: Stack, rounds: int) -> AsyncIterator[Table | Percentiles]:
    photo, numbers = photograph("1 MP", 1152, 864, 253_000), count()
    with TemporaryDirectory(prefix="framelog-bench-") as home:
        models = Path(home) / "models"
        shelf.add(models, read(card_of(mobilenet.written(Path(home)))), lambda _: None)
        async with inference(Path(home)) as ours:
            with pool(models) as processes:
                contenders = {
                    "Framelog": lambda: _rate(ours, photo, numbers),
                    "bare": lambda: _bare_rate(processes, photo, numbers),
                }
                table = Table("Classification", "images/s", targets=(Target("Framelog", "bare"),), notes=SAID)
                yield await interleaved(table, contenders, rounds)
            yield Percentiles(
                "Classification, one picture at a time", {"Framelog": await _latencies(ours, photo, numbers)}
            )


@asynccontextmanager
async def inference(home: Path) -> AsyncIterator[Ours]:
    port = free_port()
    settings = {"FRAMELOG_HOME": str(home), "FRAMELOG_INFER_PORT": str(port)}
    command = [sys.executable, "-m", "services.analyzer.infer"]
    async with processes() as supervisor, aiohttp.ClientSession() as session:
        await supervisor.launch(http("infer", command, port, "/readyz", CLONE, settings)).ready(PATIENCE)
        yield Ours(session, f"http://127.0.0.1:{port}/v1/infer/classification")


async def _rate(ours: Ours, photo: Photograph, numbers: Iterator[int]) -> float:
    pictures = iter([photo.numbered(next(numbers)) for _ in range(PICTURES)])

    async def connection() -> None:
        for data in pictures:
            await ours.ask(data)

    since = time.perf_counter()
    await asyncio.gather(*(connection() for _ in range(CONNECTIONS)))
    return PICTURES / (time.perf_counter() - since)


async def _latencies(ours: Ours, photo: Photograph, numbers: Iterator[int]) -> list[float]:
    """Milliseconds of each."""
    found = []
    for _ in range(PICTURES):
        data, since = photo.numbered(next(numbers)), time.perf_counter()
        await ours.ask(data)
        found.append((time.perf_counter() - since) * 1000)
    return found


@contextmanager
def pool(models: Path) -> Iterator[ProcessPoolExecutor]:
    os.environ.update(FRUGAL)  # for the processes, which start when they are first asked
    with ProcessPoolExecutor(CORES, get_context("spawn"), initializer=_prepare, initargs=(models,)) as processes:
        yield processes


async def _bare_rate(processes: ProcessPoolExecutor, photo: Photograph, numbers: Iterator[int]) -> float:
    pictures = [photo.numbered(next(numbers)) for _ in range(PICTURES)]
    since = time.perf_counter()
    answers = await asyncio.to_thread(lambda: list(processes.map(_run, pictures)))
    assert set(answers) == {mobilenet.LABELS}
    return PICTURES / (time.perf_counter() - since)


def _prepare(models: Path) -> None:
    """Once in each process."""
    global bare
    model = shelf.newest(models)
    assert model
    bare = Network(model, CPU)


def _run(data: bytes) -> int:
    picture = Image.open(BytesIO(data))
    picture.draft(None, (1600, 1600))
    return len(bare.scores(picture))
