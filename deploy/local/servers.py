"""The three servers of one stack: Kafka, MinIO, Postgres. One that is given is used instead of a local one."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from tenacity import AsyncRetrying, RetryError, retry_if_result, stop_after_delay, wait_fixed

from deploy.local import ports
from deploy.local.artifacts import KAFKA, MINIO
from deploy.local.cache import cache
from deploy.local.child import Program
from deploy.local.home import Addresses, Home
from deploy.local.kafka import has_metadata, kafka
from deploy.local.minio import ACCESS_KEY, is_live, minio
from deploy.local.postgres import answers, postgres, url
from deploy.local.preflight import refuse_lacking
from deploy.local.refusal import CannotStart
from deploy.local.supervisor import Supervisor

PATIENCE = 90.0  # seconds: a cold machine reads Java from disk, a killed Kafka checks its log
GIVEN_PATIENCE = 15.0

Step = Callable[[str], AbstractContextManager[object]]


@dataclass(frozen=True, slots=True)
class Given:
    """Servers that the environment names; None where the stack runs its own."""

    kafka: str | None = None
    s3: tuple[str, str, str] | None = None  # endpoint, access key, secret key
    postgres: str | None = None


class Servers:
    """A stack's servers alone, for tests: `async with Servers(home) as addresses`."""

    def __init__(self, home: Home, say: Callable[[str], None] = print) -> None:
        self.supervisor = Supervisor(home, say)

    async def __aenter__(self) -> Addresses:
        await self.supervisor.__aenter__()
        try:
            return await start(self.supervisor)
        except BaseException:
            await self.__aexit__()
            raise

    async def __aexit__(self, *_: object) -> None:
        await self.supervisor.__aexit__(None, None, None)


def unshown(_: str) -> AbstractContextManager[object]:
    return nullcontext()


async def start(supervisor: Supervisor, given: Given = Given(), step: Step = unshown) -> Addresses:
    """Starts side by side what was not given, writes `endpoints.json`, and returns when all of it answers."""
    home = supervisor.home
    refuse_lacking(home, kafka=not given.kafka, s3=not given.s3, postgres=not given.postgres)
    broker, controller, s3, database = ports.choose(_remembered(home))
    secrets = home.secrets()

    async def run(name: str, prepare: Callable[[], Program]) -> None:
        with step(name):
            await supervisor.launch(await asyncio.to_thread(prepare)).ready(PATIENCE)

    async def meet(name: str, address: str, asked: Callable[[str], Awaitable[bool]]) -> None:
        with step(name):
            await _met(name, address, asked)

    addresses = Addresses(
        kafka=given.kafka or f"127.0.0.1:{broker}",
        s3=given.s3[0] if given.s3 else f"http://127.0.0.1:{s3}",
        s3_access_key=given.s3[1] if given.s3 else ACCESS_KEY,
        s3_secret_key=given.s3[2] if given.s3 else secrets.s3_secret_key,
        postgres=given.postgres or url(secrets.postgres_password, database),
    )
    home.remember(addresses)
    await side_by_side(
        meet("Kafka", addresses.kafka, has_metadata)
        if given.kafka
        else run("Kafka", lambda: kafka(home, cache() / KAFKA, broker, controller)),
        meet("S3", addresses.s3, is_live)
        if given.s3
        else run("MinIO", lambda: minio(home, cache() / MINIO / "minio", secrets.s3_secret_key, s3)),
        meet("Postgres", addresses.postgres, answers)
        if given.postgres
        else run("Postgres", lambda: postgres(home, secrets.postgres_password, database)),
    )
    return addresses


async def side_by_side(*work: Coroutine[Any, Any, None]) -> None:
    """All of it; the first failure cancels the rest and is raised as itself."""
    try:
        async with asyncio.TaskGroup() as group:
            for one in work:
                group.create_task(one)
    except BaseExceptionGroup as failed:
        raise failed.exceptions[0] from None


async def _met(name: str, address: str, asked: Callable[[str], Awaitable[bool]]) -> None:
    """Waits for a server that somebody else runs."""
    ask = AsyncRetrying(
        retry=retry_if_result(lambda answered: not answered),
        wait=wait_fixed(0.5),
        stop=stop_after_delay(GIVEN_PATIENCE),
    )
    try:
        await ask(asked, address)
    except RetryError:
        shown = address.rpartition("@")[2]  # without a password
        raise CannotStart(
            f"{name} at {shown} does not answer: start it, or unset FRAMELOG_{name.upper()} to run one here"
        ) from None


def _remembered(home: Home) -> list[int | None]:
    """The ports of the last start: broker, controller, S3, Postgres."""
    known = home.addresses()
    if known is None:
        return [None] * 4
    s3, database = urlsplit(known.s3).port, urlsplit(known.postgres).port
    return [int(known.kafka.rpartition(":")[2]), None, s3, database]
