"""Analysis from event to event, against a tutorial's Celery worker and against the codec and the store alone."""

import os
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from io import BytesIO

from aiokafka import AIOKafkaConsumer
from PIL import Image

from adapters.log import MAX_RECORD, Log
from benchmarks import peers
from benchmarks.buckets import REGION, bucket, clear, stored
from benchmarks.floor import SIZES, Floor
from benchmarks.peers import broker
from benchmarks.photographs import Photograph, photograph
from benchmarks.processes import PATIENCE, Program, analyzer, free_port, peak_memory, processes
from benchmarks.stand import Stack, Stand, stand
from benchmarks.table import Contender, Table, Target, interleaved
from benchmarks.workers import Bare, Celery, Framelog, Upright, Worker
from contracts import ids
from contracts.topics import ANALYSES
from deploy.local.supervisor import Supervisor
from services.analyzer.jobs import Setup

CORES = os.cpu_count() or 1
MEMORY_LIMIT = 600
SAMPLED = 3
OBJECTS = len(SIZES) + 1  # of one picture: its renditions, and what was found
SAID = [
    "Ours: from the append time of the first ImageUploaded to that of the last AnalysisCompleted; three renditions, a "
    "placeholder and two hashes. Celery: prefork, Redis as broker and backend, from the first `apply_async` to the "
    "last result; `Image.open(…).thumbnail(…)` and `save` three times; for upright pictures, as ours always are, with "
    "`ImageOps.exif_transpose` before. The floor: scaled decode, three sizes, three encodes and nothing else, by the "
    "analyzer's own code. All save JPEG of the same quality.",
    f"Each on as many processes as there are cores, with one GET and {OBJECTS} PUTs per picture, of originals whose "
    "bytes all differ; ours asks the store once more, for what is known of the bytes already. After each run all "
    f"objects are counted, and the renditions of {SAMPLED} pictures are opened.",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    photo: Photograph
    pictures: int
    over_celery: float


@dataclass
class Run:
    """One contender's pictures, no two alike over all rounds, and whether it made of them what it should."""

    worker: Worker
    case: Case
    done: int = 0

    async def __call__(self) -> float:
        """Pictures per second."""
        numbers = range(self.done, self.done + self.case.pictures)
        self.done = numbers.stop
        pictures = await stored(self.worker.objects, self.case.photo, numbers)
        seconds = await self.worker.work(self.case.photo, pictures)
        await self._check(pictures)
        return len(pictures) / seconds

    async def _check(self, pictures: Sequence[str]) -> None:
        objects = self.worker.objects
        derived = [one.key async for one in objects.list("derived/")]
        assert len(derived) == OBJECTS * len(pictures), f"{len(derived)} objects of {len(pictures)} pictures"
        for sha256 in random.sample(pictures, SAMPLED):
            mine = [key for key in derived if sha256 in key and not key.endswith(".json")]
            widths = {Image.open(BytesIO(await objects.get(key))).width for key in mine}
            assert widths == {min(size, self.case.photo.width) for size in SIZES}, (
                f"{self.worker.name} made widths {widths}"
            )
        await clear(objects, [*derived, *map(ids.original_key, pictures)])


async def tables(stack: Stack, rounds: int) -> AsyncIterator[Table]:
    cases = (
        Case(photo=photograph("12 MP", 4000, 3000, 3_450_000), pictures=48, over_celery=4),
        Case(photo=photograph("1 MP", 1152, 864, 253_000), pictures=240, over_celery=1.8),
    )
    async with workers(stack) as (pid, three):
        for case in cases:
            peaks: list[float] = []
            runs: dict[str, Contender] = {worker.name: Run(worker, case) for worker in three}
            runs["Framelog"] = _watched(runs["Framelog"], pid, peaks)
            yield await interleaved(_table(case), runs, rounds)
            yield _memory(case, peaks[1:])


def _table(case: Case) -> Table:
    return Table(
        f"Analysis of JPEG photographs of {case.photo.name} ({len(case.photo.data) / 1e6:.3g} MB)",
        "images/s",
        targets=(Target("Framelog", "Celery", floor=case.over_celery), Target("Framelog", "floor", floor=0.5)),
        notes=SAID,
    )


def _memory(case: Case, peaks: list[float]) -> Table:
    title = f"Memory of the analyzer with its {CORES} decoders at {case.photo.name}"
    return Table(title, "MB at most", {"Framelog": peaks}, (Target("Framelog", None, ceiling=MEMORY_LIMIT),))


def _watched(run: Contender, pid: int, peaks: list[float]) -> Contender:
    async def watched() -> float:
        async with peak_memory(pid) as peak:
            rate = await run()
        peaks.append(peak())
        return rate

    return watched


@asynccontextmanager
async def workers(stack: Stack) -> AsyncIterator[tuple[int, list[Worker]]]:
    """All three, started, and the pid of ours."""
    async with stand(stack) as own, processes() as supervisor, Log(stack.kafka, own.names) as log:
        names = [own.bucket, f"c{own.bucket}", f"f{own.bucket}"]
        pid = await analyzer(supervisor, own)
        async with bucket(stack, names[0]) as ours, bucket(stack, names[1]) as theirs, bucket(stack, names[2]) as bare:
            environment = await celery(supervisor, stack, names[1])
            with Floor(_setup(stack, names[2]), CORES) as floor:
                async with outcomes(own) as consumer:
                    framelog = Framelog(ours, log, own.names, consumer)
                    yield (
                        pid,
                        [
                            framelog,
                            Celery(theirs, environment),
                            Upright(theirs, environment),
                            Bare(bare, floor),
                        ],
                    )


@asynccontextmanager
async def outcomes(own: Stand) -> AsyncIterator[AIOKafkaConsumer]:
    consumer = AIOKafkaConsumer(
        own.names.physical(ANALYSES.name),
        bootstrap_servers=own.stack.kafka,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=MAX_RECORD,
        fetch_min_bytes=MAX_RECORD,  # a look twice a second: who watches should not take part
    )
    async with consumer:
        yield consumer


async def celery(supervisor: Supervisor, stack: Stack, name: str) -> dict[str, str]:
    """Redis and the worker, started; the environment of whoever asks them."""
    port = free_port()
    await supervisor.launch(broker.program(port)).ready(PATIENCE)
    environment = peers.store(stack, name) | {"REDIS": f"redis://127.0.0.1:{port}/0"}
    command = [peers.program("celery"), "--app", "tasks", "worker", f"--concurrency={CORES}", "--loglevel=WARNING"]
    supervisor.launch(Program(name="celery", command=command, cwd=peers.PEERS, environment=environment, layer=1))
    return environment


def _setup(stack: Stack, name: str) -> Setup:
    return Setup(
        s3=stack.s3,
        access_key=stack.s3_access_key,
        secret_key=stack.s3_secret_key,
        bucket=name,
        region=REGION,
        group="floor",
    )


def prepare() -> None:
    """Raises CannotStart where a program is missing."""
    broker.found()
    peers.program("celery")
