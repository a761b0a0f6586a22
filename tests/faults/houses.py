"""What a drill owns on servers: topics, a bucket, a database; and of the database a second one, to compare."""

from collections.abc import AsyncIterator, Collection
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from uuid import uuid4

import psycopg
from psycopg.conninfo import make_conninfo

from adapters.admin import create_bucket, create_topics, delete_topics
from adapters.groups import create_fetcher_group, create_groups
from adapters.log import Names
from adapters.objects import Objects
from migrations import migrate
from tests.faults.brokers import REPLICATION
from tests.running import House, Stack


@asynccontextmanager
async def own_house(stack: Stack, home: Path, own: Collection[str], brokers: bool) -> AsyncIterator[House]:
    """What lies on the servers named in `own` is left to whoever takes these away."""
    name = f"t{uuid4().hex[:12]}"
    (home / "house").mkdir()
    names, database = Names(f"{name}-"), make_conninfo(stack.postgres, dbname=name)
    house = House(stack, names, name, database, home / "house", home / "logs")
    replication = REPLICATION if brokers else 1
    async with AsyncExitStack() as made:
        for server, make, remove in (
            ("kafka", lambda: _topics(house, replication), lambda: delete_topics(stack.kafka, names)),
            ("s3", lambda: _bucket(house), lambda: _remove_bucket(house)),
            ("postgres", lambda: make_database(stack.postgres, name), lambda: remove_database(stack.postgres, name)),
        ):
            await make()
            if server not in own:  # what is the drill's own goes with its files
                made.push_async_callback(remove)
        yield house


async def _topics(house: House, replication: int) -> None:
    await create_topics(house.stack.kafka, house.names, replication=replication)
    await create_groups(house.stack.kafka, house.names, ["core"])
    await create_fetcher_group(house.stack.kafka, house.names)


async def _bucket(house: House) -> None:
    stack = house.stack
    await create_bucket(stack.s3, stack.s3_access_key, stack.s3_secret_key, house.bucket, "us-east-1")


async def _remove_bucket(house: House) -> None:
    stack = house.stack
    async with Objects(stack.s3, stack.s3_access_key, stack.s3_secret_key, house.bucket, "us-east-1") as objects:
        async for one in objects.list():
            await objects.delete(one.key)
        async with objects._s3.call("DELETE"):
            pass


async def make_database(postgres: str, name: str) -> str:
    """An empty database, migrated; how to connect to it."""
    async with await psycopg.AsyncConnection.connect(postgres, autocommit=True) as connection:
        await connection.execute(f"CREATE DATABASE {name}".encode())
    made = make_conninfo(postgres, dbname=name)
    await migrate(made)
    return made


async def remove_database(postgres: str, name: str) -> None:
    async with await psycopg.AsyncConnection.connect(postgres, autocommit=True) as connection:
        await connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)".encode())
