"""The bare driver: a process that puts the API's own SQL to Postgres over a few connections, and fetches the rows.

`python -m benchmarks.driver` reads a `Plan` from stdin and writes the seconds to stdout.
"""

import asyncio
import sys
import time
from typing import Any
from uuid import UUID

import msgspec
import uvloop
from msgspec import Struct
from psycopg import AsyncConnection
from psycopg.types.json import set_json_loads

from adapters.read_model import DESCRIBED, SESSION, SOME_IMAGES

ONE, SOME = f"{DESCRIBED} = %s", f"{DESCRIBED} = ANY (%s)"
"""Images by their ids, as anybody would ask for them."""


class Plan(Struct, frozen=True, kw_only=True):
    """Asks for each of `images`; with `page`, the SQL of a search, so many times for its ids, and then their images."""

    postgres: str
    clients: int
    images: list[UUID] = []
    page: str = ""
    params: dict[str, Any] = {}
    pages: int = 0


async def send(plan: Plan) -> float:
    """Seconds from the first question to the last row, carried out by a process of its own."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.driver"), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    said, _ = await process.communicate(msgspec.json.encode(plan))
    assert process.returncode == 0, "the driver broke off"
    return float(said)


async def carry_out(plan: Plan) -> float:
    images, pages = iter(plan.images), iter(range(plan.pages))

    async def ask(connection: AsyncConnection[Any]) -> None:
        for image in images:
            assert await (await connection.execute(ONE, (image,))).fetchone()
        for _ in pages:
            found = await (await connection.execute(plan.page.encode(), plan.params, prepare=False)).fetchall()
            ids = [image_id for image_id, _ in found[:-1]]
            assert len(await (await connection.execute(SOME_IMAGES, (ids,))).fetchall()) == len(ids)

    connections = [await _connected(plan.postgres) for _ in range(plan.clients)]
    start = time.perf_counter()
    await asyncio.gather(*map(ask, connections))
    seconds = time.perf_counter() - start
    for connection in connections:
        await connection.close()
    return seconds


async def _connected(postgres: str) -> AsyncConnection[Any]:
    options = " ".join(f"-c {name}={value}" for name, value in SESSION.items())
    connection = await AsyncConnection.connect(postgres, autocommit=True, options=options)
    set_json_loads(lambda encoded: encoded, connection)
    return connection


if __name__ == "__main__":
    print(uvloop.run(carry_out(msgspec.json.decode(sys.stdin.buffer.read(), type=Plan))))
