"""Uploads through Framelog, through a tutorial's service, and straight into the store by a presigned PUT."""

import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

from adapters.ends import Ends
from adapters.objects import Objects
from benchmarks import peers
from benchmarks.buckets import bucket
from benchmarks.photographs import padded, photograph
from benchmarks.processes import (
    PATIENCE,
    analyzer,
    api,
    environment,
    free_port,
    http,
    peak_memory,
    processes,
    projector,
)
from benchmarks.stand import Stack, Stand, stand
from benchmarks.table import Contender, Table, Target, interleaved
from benchmarks.uploads import SAMPLED, Load
from benchmarks.ways import BareRelay, Framelog, Presigned, Tutorial, Way
from deploy.local.supervisor import Supervisor
from deploy.local.whereabouts import CLONE

UPLOADS: Mapping[str, Mapping[int, int]] = {"253 kB": {1: 200, 8: 480, 32: 640}, "3.45 MB": {1: 60, 8: 120, 32: 128}}
WHOLE_LINE_CLIENTS, WHOLE_LINE_UPLOADS = 8, {"253 kB": 240, "3.45 MB": 64}
MEMORY_CLIENTS, MEMORY_UPLOADS, MEMORY_ROUNDS, MEMORY_LIMIT = 32, 64, 2, 250
FLOORS = {"253 kB": 1.1, "3.45 MB": 1.3}
SAID = [
    "The tutorial: FastAPI, `UploadFile`, minio-py's `put_object` from a `def` endpoint (so in FastAPI's thread pool), "
    "no log; uvicorn with uvloop and httptools, one process, like ours. The presigned PUT goes to the same MinIO.",
    "The bare relay takes a form, hashes it, puts it by Framelog's own parser and client, and does nothing else: what "
    "it reaches of the presigned PUT is what one process that stands between can reach here.",
    "One process loads all of them, over kept-alive connections, with bytes that differ in every upload. After each "
    f"run the bucket holds as many objects as were answered with yes, {SAMPLED} of them are read back and hashed, and "
    "the log holds one event for each of ours.",
]


Ways = tuple[Framelog, Tutorial, BareRelay, Presigned]


async def tables(stack: Stack, rounds: int) -> AsyncIterator[Table]:
    photos = photograph("253 kB", 1152, 864, 253_000), photograph("3.45 MB", 4000, 3000, 3_450_000)
    with TemporaryDirectory() as name:
        directory = Path(name)
        async with ways(stack, whole_line=False) as every:
            for photo in photos:
                for clients, uploads in UPLOADS[photo.name].items():
                    yield await alone(every, Load(photo, directory, clients, uploads), rounds)
        async with ways(stack, whole_line=True) as every:
            for photo in photos:
                load = Load(photo, directory, WHOLE_LINE_CLIENTS, WHOLE_LINE_UPLOADS[photo.name])
                yield await at_work(every, load, rounds)
        async with ways(stack, whole_line=False) as every:
            large = Load(padded(photos[-1], "20 MB", 20_000_000), directory, MEMORY_CLIENTS, MEMORY_UPLOADS)
            yield await memory(every, large, min(rounds, MEMORY_ROUNDS))


async def alone(every: Ways, load: Load, rounds: int) -> Table:
    ours, tutorial, relay, presigned = (way.name for way in every)
    targets = (
        Target(ours, tutorial, floor=FLOORS[load.photo.name]),
        Target(ours, presigned, floor=0.65),
        Target(relay, presigned),
    )
    title = f"Upload of {load}, analyzer and projector stopped"
    table = Table(title, "uploads/s", targets=targets, notes=SAID)
    return await interleaved(table, {way.name: load.on(way) for way in every}, rounds)


async def at_work(every: Ways, load: Load, rounds: int) -> Table:
    ours, tutorial, *_ = every
    said = "Ours are projected and analysed at the same time, all of them before the next run begins."
    table = Table(f"Upload of {load}, the whole line at work", "uploads/s", notes=[said])
    return await interleaved(table, {way.name: load.on(way) for way in (ours, tutorial)}, rounds)


async def memory(every: Ways, load: Load, rounds: int) -> Table:
    """Resident memory while they upload."""
    ours, tutorial, *_ = every

    def of(way: Way) -> Contender:
        async def peak() -> float:
            async with peak_memory(way.pid) as found:
                await load.run(way)
                return found()

        return peak

    targets = (Target(ours.name, None, ceiling=MEMORY_LIMIT),)
    table = Table(f"Memory of the process that takes uploads of {load}", "MB at most", targets=targets)
    return await interleaved(table, {way.name: of(way) for way in (ours, tutorial)}, rounds)


@asynccontextmanager
async def ways(stack: Stack, whole_line: bool) -> AsyncIterator[Ways]:
    """All of them, ready; with the analyzer and the projector behind ours, or with the read model alone."""
    async with stand(stack) as own, processes() as supervisor, bucket(stack, own.bucket) as ours:
        projecting = await projector(supervisor, own)
        served = await api(supervisor, own)
        if whole_line:
            await analyzer(supervisor, own)
        else:
            await projecting.stop()
        async with Ends(stack.kafka, own.names) as ends, bucket(stack, f"t{own.bucket}") as theirs:
            framelog = Framelog(served.port, ours, served.pid, served.authorization, ends=ends, whole_line=whole_line)
            yield (
                framelog,
                await tutorial(supervisor, stack, f"t{own.bucket}", theirs),
                await relay(supervisor, own, ours),
                Presigned(_port(stack.s3), theirs),
            )


async def tutorial(supervisor: Supervisor, stack: Stack, name: str, objects: Objects) -> Tutorial:
    port = free_port()
    command = [peers.program("uvicorn"), "tutorial:app", "--port", str(port), "--no-access-log"]
    running = supervisor.launch(http("tutorial", command, port, "/health", peers.PEERS, peers.store(stack, name)))
    await running.ready(PATIENCE)
    assert running.pid
    return Tutorial(port, objects, running.pid)


async def relay(supervisor: Supervisor, own: Stand, objects: Objects) -> BareRelay:
    port = free_port()
    command = [sys.executable, "-m", "benchmarks.relay"]
    running = supervisor.launch(http("relay", command, port, "/", CLONE, environment(own, port=port)))
    await running.ready(PATIENCE)
    assert running.pid
    return BareRelay(port, objects, running.pid)


def _port(address: str) -> int:
    port = urlsplit(address).port
    assert port
    return port


def prepare() -> None:
    """Raises CannotStart where the peers' environment cannot be made."""
    peers.program("uvicorn")
