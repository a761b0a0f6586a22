"""The stack every test shares, and what a test owns of it: topics, a bucket, a database of its own.

FRAMELOG_TEST_STACK says which servers: unset, real ones are started once in a temporary home; `containers`, the same
three through testcontainers; a path to an endpoints.json, servers that are already running.
"""

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator, Generator, Iterator
from contextlib import asynccontextmanager
from dataclasses import fields
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from minio import Minio
from minio.deleteobjects import DeleteObject
from psycopg.conninfo import make_conninfo

from adapters.admin import create_bucket, create_topics, delete_topics
from adapters.log import Names
from migrations import migrate
from tests.running import House, Stack
from tests.servers import NO_ENGINE, containers, engine_answers, own

CHOICE = os.environ.get("FRAMELOG_TEST_STACK", "")


def pytest_configure() -> None:
    # A shell's background jobs ignore SIGINT, and so would all that the tests start and interrupt.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if CHOICE == "containers" and not engine_answers():
        raise pytest.UsageError(NO_ENGINE)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """What a test has said may be no UTF-8, which does not go from a worker of pytest-xdist to the one that reports."""
    report = yield
    report.sections = [(name, said.encode(errors="backslashreplace").decode()) for name, said in report.sections]
    return report


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    if CHOICE in ("", "containers"):
        with containers() if CHOICE else own() as started:
            yield started
    else:
        given = json.loads(Path(CHOICE).read_text())
        yield Stack(**{field.name: given[field.name] for field in fields(Stack)})


@pytest.fixture
def unique() -> str:
    """A name no other test has: a topic prefix, a bucket, a schema."""
    return f"t{uuid4().hex[:12]}"


@pytest.fixture
async def topics(stack: Stack, unique: str) -> AsyncIterator[Names]:
    """Every topic of contracts/topics.py under this test's own prefix."""
    names = Names(f"{unique}-")
    await create_topics(stack.kafka, names)
    yield names
    await delete_topics(stack.kafka, names)


@pytest.fixture
async def bucket(stack: Stack, unique: str) -> AsyncIterator[str]:
    """An empty bucket of this test's own, removed with whatever is in it."""
    await create_bucket(stack.s3, stack.s3_access_key, stack.s3_secret_key, unique, "us-east-1")
    yield unique
    await asyncio.to_thread(_remove_bucket, stack, unique)


@pytest.fixture
async def second_database(stack: Stack, unique: str) -> AsyncIterator[str]:
    """Another one, to be compared with the first."""
    async with _own_database(stack, f"{unique}_second") as url:
        yield url


@pytest.fixture
async def database(stack: Stack, unique: str) -> AsyncIterator[str]:
    """The connection URL of an empty database of this test's own."""
    async with _own_database(stack, unique) as url:
        yield url


@asynccontextmanager
async def _own_database(stack: Stack, unique: str) -> AsyncIterator[str]:
    async with await psycopg.AsyncConnection.connect(stack.postgres, autocommit=True) as connection:
        await connection.execute(f"CREATE DATABASE {unique}".encode())
        yield _in_database(stack.postgres, unique)
        await connection.execute(f"DROP DATABASE {unique} WITH (FORCE)".encode())


def _in_database(postgres: str, name: str) -> str:
    """`postgres`, a URL or key=value pairs, with another database."""
    return make_conninfo(postgres, dbname=name)


def _remove_bucket(stack: Stack, bucket: str) -> None:
    client = Minio(stack.s3.partition("://")[2], stack.s3_access_key, stack.s3_secret_key, secure=False)
    found = (DeleteObject(str(one.object_name)) for one in client.list_objects(bucket, recursive=True))
    for _ in client.remove_objects(bucket, found):
        pass
    client.remove_bucket(bucket)


@pytest.fixture
async def house(stack: Stack, topics: Names, bucket: str, database: str, tmp_path: Path) -> House:
    """Topics, a bucket and a migrated database for this test alone, and the services that can run on them."""
    await migrate(database)
    return House(stack, topics, bucket, database, tmp_path / "home")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes long, and what a drill comes near, is left to `make faults`."""
    if os.environ.get("FRAMELOG_TEST_DRILLS") != "all":
        for item in items:
            if item.get_closest_marker("long"):
                item.add_marker(pytest.mark.skip(reason="takes long: `make faults` runs it"))
