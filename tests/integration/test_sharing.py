"""However many projectors share the topics, come and go: the rows are those that one alone makes."""

import asyncio
from asyncio.subprocess import Process
from dataclasses import replace
from random import Random

from psycopg import AsyncConnection

from adapters.log import Log
from benchmarks.lives import life
from benchmarks.stand import fill
from migrations import migrate
from services.projector import schema
from services.projector.digest import Digest, digests
from tests.running import House, stop

IMAGES = 400
PROJECTOR = "services.projector"


async def projected(house: House, events: int, within: float = 60) -> dict[str, Digest]:
    """The digests, once the live read model holds so many events."""
    async with asyncio.timeout(within), await AsyncConnection.connect(house.database, autocommit=True) as connection:
        while True:
            held = await (await connection.execute("SELECT sum(next_offset) FROM projection.offsets")).fetchone()
            name = await schema.live(connection)
            if name and held and held[0] == events:
                return await digests(house.database, name)
            await asyncio.sleep(0.1)


async def test_two_projectors_that_come_and_go_write_what_one_writes(house: House, second_database: str) -> None:
    running = [await house.start(PROJECTOR, projector_batch=50) for _ in range(2)]
    try:
        async with Log(house.stack.kafka, house.names, linger_ms=5) as log:
            lives = (list(life("shared", number)) for number in range(IMAGES))
            filling = asyncio.create_task(fill(log, lives, window=20))
            await come_and_go(house, running, Random(7))
            await filling
        shared = await projected(house, IMAGES * 3)
    finally:
        await asyncio.gather(*map(stop, running))

    alone = replace(house, database=second_database)
    await migrate(second_database)
    async with alone.run(PROJECTOR, projector_batch=2000):
        assert await projected(alone, IMAGES * 3) == shared
    assert shared["events"].rows == IMAGES * 3
    assert shared["facts"].rows == IMAGES * 6


async def come_and_go(house: House, running: list[Process], random: Random) -> None:
    """Four times, the oldest projector leaves or is killed, and a new one joins."""
    for _ in range(4):
        await asyncio.sleep(random.uniform(0.5, 2))
        running.append(await house.start(PROJECTOR, projector_batch=50))
        leaving = running.pop(0)
        if random.random() < 0.5:
            leaving.kill()
            await leaving.wait()
        else:
            assert await stop(leaving) == 0
