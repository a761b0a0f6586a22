"""Processes of Framelog and of its peers, run for a benchmark: started, asked, watched, stopped."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil
from psycopg import AsyncConnection

from adapters import keys
from adapters.groups import analyzer_group, create_fetcher_group, create_groups, fetcher_group, members
from adapters.principal import ACCESS
from benchmarks.stand import Stand
from deploy.local import ports
from deploy.local.child import Program
from deploy.local.home import Home
from deploy.local.services import answers
from deploy.local.supervisor import Kept, Supervisor
from deploy.local.whereabouts import CLONE
from services.projector import schema

PATIENCE = 60.0
MB = 1_000_000

__all__ = ["CLONE", "Program", "analyzer", "api", "fetcher", "free_port", "http", "line", "peak_memory", "processes"]
__all__ += ["projector", "service"]


@asynccontextmanager
async def processes() -> AsyncIterator[Supervisor]:
    """Keeps what is launched in it, and stops all of it at the end."""
    with TemporaryDirectory(prefix="framelog-bench-") as home:
        async with Supervisor(Home(Path(home))) as supervisor:
            yield supervisor


def environment(own: Stand, **settings: object) -> dict[str, str]:
    """A stand as the services' settings name it."""
    stack = own.stack
    named = {
        "kafka": stack.kafka,
        "s3": stack.s3,
        "s3_access_key": stack.s3_access_key,
        "s3_secret_key": stack.s3_secret_key,
        "s3_bucket": own.bucket,
        "postgres": own.database,
        "topic_prefix": own.names.prefix,
        "home": own.home,
    }
    return {f"FRAMELOG_{name.upper()}": str(value) for name, value in (named | settings).items()}


def service(own: Stand, name: str, **settings: object) -> Program:
    """A process of Framelog's, as the one-machine stack runs it."""
    command = [sys.executable, "-m", f"services.{name}"]
    return Program(name=name, command=command, cwd=CLONE, environment=environment(own, **settings), layer=1)


def http(name: str, command: Sequence[str], port: int, path: str, cwd: Path, environment: dict[str, str]) -> Program:
    """A server that can be used once it answers 200 at `path`."""

    async def ready() -> bool:
        return await answers(f"http://127.0.0.1:{port}{path}")

    return Program(name=name, command=command, cwd=cwd, environment=environment, answers=ready, layer=1)


async def line(supervisor: Supervisor, own: Stand, **settings: object) -> int:
    """The projector and the analyzer, at work: the analyzer's pid."""
    await projector(supervisor, own)
    return await analyzer(supervisor, own, **settings)


async def projector(supervisor: Supervisor, own: Stand) -> Kept:
    """At work, on a read model."""

    async def serves() -> bool:
        async with await AsyncConnection.connect(own.database, autocommit=True) as connection:
            return await schema.live(connection) is not None

    running = supervisor.launch(replace(service(own, "projector"), answers=serves))
    await running.ready(PATIENCE)
    return running


async def analyzer(supervisor: Supervisor, own: Stand, **settings: object) -> int:
    """Its pid, once it is in its group."""
    stack = own.stack
    await create_groups(stack.kafka, own.names, ["core"])

    async def joined() -> bool:
        return await members(stack.kafka, analyzer_group(own.names, "core")) > 0

    running = supervisor.launch(replace(service(own, "analyzer", **settings), answers=joined))
    await running.ready(PATIENCE)
    assert running.pid
    return running.pid


async def fetcher(supervisor: Supervisor, own: Stand, **settings: object) -> None:
    """At work, in its group."""
    stack = own.stack
    await create_fetcher_group(stack.kafka, own.names)

    async def joined() -> bool:
        return await members(stack.kafka, fetcher_group(own.names)) > 0

    await supervisor.launch(replace(service(own, "ingest.fetcher", **settings), answers=joined)).ready(PATIENCE)


@dataclass(frozen=True, slots=True)
class Api:
    """Where it listens, and the header of who has signed in as `admin`."""

    port: int
    pid: int
    authorization: str


async def api(supervisor: Supervisor, own: Stand, **settings: object) -> Api:
    """Framelog's API, started over a read model in which its account `admin` is; the projector may end then."""
    port = free_port()
    program = service(own, "api", port=port, **settings)
    running = supervisor.launch(http("api", program.command, port, "/readyz", program.cwd, dict(program.environment)))
    await running.ready(PATIENCE)
    assert running.pid
    known = keys.load(own.home / keys.FILE)
    token = known.sign({"sub": "admin", "epoch": 1, "role": "admin"}, ACCESS, datetime.now(UTC), 24 * 3600)
    return Api(port, running.pid, f"Bearer {token}")


def free_port() -> int:
    return ports.choose([None])[0]


@asynccontextmanager
async def peak_memory(pid: int) -> AsyncIterator[Callable[[], float]]:
    """Watches a process and its children: the largest sum of their resident memory meanwhile, in MB."""
    peak = 0

    async def watch() -> None:
        nonlocal peak
        while True:
            peak = max(peak, sum(_resident(pid)))
            await asyncio.sleep(0.05)

    watching = asyncio.create_task(watch())
    try:
        yield lambda: peak / MB
    finally:
        watching.cancel()


def _resident(pid: int) -> Iterator[int]:
    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        for one in (process, *process.children(recursive=True)):
            with suppress(psutil.NoSuchProcess):
                yield one.memory_info().rss
