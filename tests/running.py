"""Framelog's own processes, run for a test against its own topics, bucket and database."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

import httpx
import psutil
from aiokafka import AIOKafkaConsumer

from adapters import keys
from adapters.log import MAX_RECORD, Names
from adapters.principal import ACCESS
from contracts.codec import decode
from contracts.dead_letters import RecordBuried
from contracts.topics import DEAD_LETTERS
from deploy.local.home import Addresses
from deploy.local.ports import choose
from tests.declared import declared

Stack = Addresses
IMPORTING_SECONDS = 6.0


@dataclass(frozen=True)
class House:
    """What one test owns of the stack, as the services' environment."""

    stack: Stack
    names: Names
    bucket: str
    database: str
    home: Path
    logs: Path | None = None
    """A folder where each process leaves what it says, instead of saying it to whoever runs the tests."""

    def environment(self, **more: object) -> dict[str, str]:
        own = {
            "FRAMELOG_KAFKA": self.stack.kafka,
            "FRAMELOG_S3": self.stack.s3,
            "FRAMELOG_S3_ACCESS_KEY": self.stack.s3_access_key,
            "FRAMELOG_S3_SECRET_KEY": self.stack.s3_secret_key,
            "FRAMELOG_S3_BUCKET": self.bucket,
            "FRAMELOG_HOME": str(self.home),
            "FRAMELOG_POSTGRES": self.database,
            "FRAMELOG_TOPIC_PREFIX": self.names.prefix,
        }
        bare = {name: value for name, value in os.environ.items() if not name.startswith("FRAMELOG_")}
        return bare | own | {f"FRAMELOG_{name.upper()}": str(value) for name, value in more.items()}

    @asynccontextmanager
    async def run(self, module: str, **settings: object) -> AsyncIterator[asyncio.subprocess.Process]:
        """A service as `python -m` runs it; stopped by SIGTERM, which it must answer with exit 0."""
        process = await self.start(module, **settings)
        try:
            yield process
        finally:
            code = await stop(process)
        assert code == 0, f"{module} ended with {code}"

    @asynccontextmanager
    async def api(self, **settings: object) -> AsyncIterator[httpx.AsyncClient]:
        """A client of an API of its own, which has begun to listen, signed in as `admin`."""
        (port,) = choose([None])
        async with (
            self.run("services.api", port=port, **settings),
            httpx.AsyncClient(
                base_url=f"http://127.0.0.1:{port}", timeout=60, event_hooks={"response": [declared]}
            ) as client,
        ):
            async with asyncio.timeout(20):
                await answers(client, "/livez", 200)
            client.headers.update(self.bearer())
            yield client

    def bearer(self, account: str = "admin", epoch: int = 1) -> dict[str, str]:
        """The header of somebody who has signed in. The API that made the keys has been started before."""
        claims = {"sub": account, "epoch": epoch, "role": "admin" if account == "admin" else "user"}
        token = keys.load(self.home / keys.FILE).sign(claims, ACCESS, datetime.now(UTC), 3600)
        return {"Authorization": f"Bearer {token}"}

    async def start(self, module: str, **settings: object) -> asyncio.subprocess.Process:
        with self._said_by(module) as said:
            return await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", module),
                env=self.environment(**settings),
                start_new_session=True,
                stdout=said,
                stderr=said,
            )

    @contextmanager
    def _said_by(self, module: str) -> Iterator[IO[bytes] | None]:
        if self.logs is None:
            yield None
            return
        with (self.logs / f"{module}.log").open("ab") as file:
            yield file

    async def dead_letters(self, count: int, within: float = 10) -> list[RecordBuried]:
        """Every dead letter there is, once there are `count` of them; waits a moment for one too many."""
        topic = self.names.physical(DEAD_LETTERS.name)
        found: list[RecordBuried] = []
        async with AIOKafkaConsumer(
            topic,
            bootstrap_servers=self.stack.kafka,
            auto_offset_reset="earliest",
            max_partition_fetch_bytes=MAX_RECORD,
        ) as consumer:
            async with asyncio.timeout(within):
                while len(found) < count:
                    found += _letters(self.names, await consumer.getmany(timeout_ms=200))
            return found + _letters(self.names, await consumer.getmany(timeout_ms=500))


async def answers(client: httpx.AsyncClient, path: str, status: int, **headers: str) -> httpx.Response:
    """The first answer with this status; whatever comes before is asked again. Bounded by its caller."""
    while True:
        try:
            if (answer := await client.get(path, headers=headers)).status_code == status:
                return answer
        except httpx.TransportError:
            pass
        await asyncio.sleep(0.1)


def versions_told(algorithms: httpx.Response) -> bool:
    """Whether the API, which tells the log the first version of each algorithm soon after its start, has done so."""
    return algorithms.status_code == 200 and all(
        one["current_version"] for one in algorithms.json()["items"] if one["enabled"]
    )


def _letters(names: Names, fetched: Mapping[object, list[Any]]) -> list[RecordBuried]:
    return [decode(names.record(raw)).event for records in fetched.values() for raw in records]


async def stop(process: asyncio.subprocess.Process, within: float = 15) -> int:
    """SIGTERM, and SIGKILL if that is not heeded in time. The exit code; a test's own kill counts as 0, and so does the
    end of one that was still importing and had not yet said what SIGTERM is to do."""
    importing = False
    if process.returncode is None:
        with suppress(psutil.NoSuchProcess):
            importing = time.time() - psutil.Process(process.pid).create_time() < IMPORTING_SECONDS
        process.terminate()
    try:
        code = await asyncio.wait_for(process.wait(), within)
    except TimeoutError:
        process.kill()
        await process.wait()
        raise
    return 0 if code == -signal.SIGKILL or (importing and code == -signal.SIGTERM) else code
