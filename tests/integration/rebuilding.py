"""Lives to rebuild, what was served of them, and a rebuild: in this process or as the command."""

import asyncio
import sys
from pathlib import Path

from psycopg import AsyncConnection

from adapters.log import Log
from contracts.posts import PostLiked, PostPublished
from services.projector import schema
from services.projector.build import Tell
from services.projector.digest import Digest, digests
from services.projector.positions import ends
from services.projector.rebuild import Means, Rebuild, Rebuilt
from services.projector.source import Log as Source
from tests import events
from tests.events import cause, uid
from tests.running import House

PROJECTOR = "services.projector"
IMAGES = 60
MIB = 1024 * 1024


def means(
    house: House, folder: Path, memory: int = 512 * MIB, processes: int = 1, tell: Tell = lambda *_: None
) -> Means:
    return Means(
        postgres=house.database,
        log=Source(house.stack.kafka, house.names),
        folder=folder,
        memory=memory,
        tell=tell,
        processes=processes,
    )


async def lives(log: Log, first: int = 0, count: int = IMAGES) -> None:
    """Images with edits, refused edits, analyses, posts and likes, some of it twice."""

    async def life(number: int) -> None:
        image, upload = uid(f"image {number}"), uid(f"upload {number}")
        post = uid(f"post {number}")
        said = [
            (events.uploaded(image, title=f"Number {number}"), f"upload {number}"),
            (events.updated(image, expected_version=1, changes={"tags": ("a", "b")}), f"edit {number}"),
            (events.updated(image, expected_version=1, changes={"title": "late"}), f"late {number}"),
            (events.started(image, upload), f"started {number}"),
            (events.completed(image, upload), f"completed {number}"),
            (events.completed(image, upload), f"completed {number}"),
            (PostPublished(post_id=post, owner="alice", actor="alice", image_id=image), f"post {number}"),
        ]
        said += [
            (PostLiked(post_id=post, owner=f"fan{fan}", actor=f"fan{fan}"), f"like {number} {fan}")
            for fan in range(number % 4)
        ]
        if number % 5 == 0:
            said.append((events.deleted(image), f"deleted {number}"))
        for event, name in said:
            await log.append(event, cause(name))

    await asyncio.gather(*(life(number) for number in range(first, first + count)))


async def served(house: House) -> tuple[str, dict[str, Digest]]:
    async with await AsyncConnection.connect(house.database, autocommit=True) as connection:
        name = await schema.live(connection)
    assert name
    return name, await digests(house.database, name)


async def until_folded(house: House, name: str) -> None:
    """The projector has seen an event of that name."""
    async with asyncio.timeout(30), await AsyncConnection.connect(house.database, autocommit=True) as connection:
        while True:
            try:
                rows = await connection.execute("SELECT 1 FROM framelog.events WHERE event_id = %s", (uid(name),))
                if await rows.fetchone():
                    return
            except Exception as error:
                if "does not exist" not in str(error):
                    raise
            await asyncio.sleep(0.05)


async def settled(house: House) -> None:
    """Every partition is folded to where the log ends now."""
    goal = await ends(Source(house.stack.kafka, house.names))
    async with asyncio.timeout(90), await AsyncConnection.connect(house.database, autocommit=True) as connection:
        while True:
            name = await schema.live(connection)
            if name and await schema.reached(connection, name, goal):
                return
            await asyncio.sleep(0.05)


async def rebuilt(house: House, folder: Path, memory: int = 512 * MIB, processes: int = 1) -> Rebuilt:
    return await Rebuild(means(house, folder, memory, processes)).run()


async def framelog(house: House, *arguments: str, **settings: object) -> asyncio.subprocess.Process:
    pipe = asyncio.subprocess.PIPE
    return await asyncio.create_subprocess_exec(
        Path(sys.executable).with_name("framelog"),
        *arguments,
        env=house.environment(**settings),
        stdout=pipe,
        stderr=pipe,
    )


async def said(process: asyncio.subprocess.Process) -> tuple[int | None, str, str]:
    out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()
