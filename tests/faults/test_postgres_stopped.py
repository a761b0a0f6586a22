"""An upload needs Kafka and object storage alone: Postgres may be gone, or worse, hang."""

import asyncio
import shutil
import signal
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from adapters.log import Names
from deploy.local.home import Home
from deploy.local.servers import Given, start
from deploy.local.supervisor import Supervisor
from migrations import migrate
from tests.pictures import photograph
from tests.processes import children
from tests.running import House, Stack, answers

SOON = 2.0


@pytest.fixture
async def postgres(stack: Stack) -> AsyncIterator[tuple[str, psutil.Process]]:
    """A Postgres of this test's own: its address, and the process at its root."""
    home = Home(Path(tempfile.mkdtemp(prefix="framelog-test-")))
    home.path.chmod(0o711)
    given = Given(kafka=stack.kafka, s3=(stack.s3, stack.s3_access_key, stack.s3_secret_key))
    try:
        async with Supervisor(home) as supervisor:
            addresses = await start(supervisor, given)
            (root,) = children(str(home.path))
            yield addresses.postgres, root
            send(root, signal.SIGCONT)
    finally:
        shutil.rmtree(home.path, ignore_errors=True)


def send(root: psutil.Process, number: signal.Signals) -> None:
    for process in (root, *root.children(recursive=True)):
        with suppress(psutil.NoSuchProcess):  # Postgres ends processes of its own
            process.send_signal(number)


async def test_an_upload_is_durable_within_two_seconds_while_postgres_hangs(
    stack: Stack, topics: Names, bucket: str, postgres: tuple[str, psutil.Process], tmp_path: Path
) -> None:
    database, root = postgres
    await migrate(database)
    house = House(stack, topics, bucket, database, tmp_path / "home")
    async with house.run("services.projector"), house.api() as client, asyncio.timeout(90):
        await answers(client, "/readyz", 200)
        send(root, signal.SIGSTOP)
        made = []
        for seed in range(6):
            since = time.monotonic()
            answer = await client.post("/v1/images", files={"file": photograph(seed=seed)})
            assert answer.status_code == 201, answer.text
            assert time.monotonic() - since < SOON
            made.append(answer.json())
        health = await client.get("/readyz")
        assert (health.status_code, health.json()["degraded"]) == (200, ["postgres"])
        read = await client.get(f"/v1/images/{made[0]['id']}")
        assert (read.status_code, "retry-after" in read.headers) == (503, True)

        send(root, signal.SIGCONT)
        await answers(client, f"/v1/images/{made[-1]['id']}", 200)
        shown = [(await client.get(f"/v1/images/{one['id']}")).json()["sha256"] for one in made]
        assert shown == [one["sha256"] for one in made]
