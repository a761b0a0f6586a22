"""A rebuild on real Kafka and Postgres: the same rows, no error meanwhile, and never half of it."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from psycopg import AsyncConnection

from adapters.log import Log
from contracts.posts import PostLiked, PostPublished
from services.projector import schema
from services.projector.build import Log as Source
from services.projector.digest import Digest, digests
from services.projector.rebuild import Means, Rebuild, Rebuilt, ends
from tests import events
from tests.events import cause, uid
from tests.running import House

PROJECTOR = "services.projector"
IMAGES = 60
MIB = 1024 * 1024


@pytest.fixture
async def log(house: House) -> AsyncIterator[Log]:
    async with Log(house.stack.kafka, house.names, linger_ms=5) as log:
        yield log


def means(house: House, folder: Path, memory: int = 512 * MIB) -> Means:
    return Means(
        postgres=house.database,
        log=Source(house.stack.kafka, house.names),
        folder=folder,
        memory=memory,
        tell=lambda *_: None,
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
    async with asyncio.timeout(30), await AsyncConnection.connect(house.database, autocommit=True) as connection:
        while True:
            name = await schema.live(connection)
            if name and await schema.reached(connection, name, goal):
                return
            await asyncio.sleep(0.05)


async def rebuilt(house: House, folder: Path, memory: int = 512 * MIB) -> Rebuilt:
    return await Rebuild(means(house, folder, memory)).run()


@pytest.mark.parametrize("memory", [512 * MIB, 40_000])
async def test_a_rebuild_comes_to_the_same_rows_and_is_served(
    house: House, log: Log, tmp_path: Path, memory: int
) -> None:
    async with house.run(PROJECTOR):
        await lives(log)
        await settled(house)
        before, folded = await served(house)
        made = await rebuilt(house, tmp_path / "spill", memory)
        after, built = await served(house)
        assert (made.schema, made.before) == (after, before)
        assert made.differences == ()
        assert folded == built
        assert built["images"].rows == IMAGES
        await lives(log, IMAGES, 5)
        await settled(house)
        _, last = await served(house)
        assert last["images"].rows == IMAGES + 5
    assert not (tmp_path / "spill").exists() or not list((tmp_path / "spill").iterdir())


async def test_what_a_live_projector_folds_event_by_event_a_build_folds_alike(
    house: House, log: Log, tmp_path: Path
) -> None:
    async with house.run(PROJECTOR, projector_batch=1):
        await lives(log, 0, 10)
        await settled(house)
    _, folded = await served(house)
    made = await rebuilt(house, tmp_path)
    assert (made.digests, made.digests_before) == (folded, folded)


async def test_a_cell_that_was_changed_by_hand_is_named_and_put_right(house: House, log: Log, tmp_path: Path) -> None:
    async with house.run(PROJECTOR):
        await lives(log, 0, 5)
        await settled(house)
        name, right = await served(house)
        async with await AsyncConnection.connect(house.database, autocommit=True) as connection:
            await connection.execute(
                f"UPDATE {name}.images SET title = 'x' WHERE image_id = %s".encode(), (uid("image 3"),)
            )
            await connection.execute(f"DELETE FROM {name}.likes WHERE account = 'fan1'".encode())
        made = await rebuilt(house, tmp_path)
    assert {str(one) for one in made.differences if one.table == "images"} == {
        f"images {uid('image 3')}: differs in title"
    }
    assert {one.only for one in made.differences if one.table == "likes"} == {"rebuilt"}
    assert (await served(house))[1] == right


async def test_indexes_and_keys_of_a_build_are_those_of_the_sql(house: House, log: Log, tmp_path: Path) -> None:
    async with house.run(PROJECTOR):
        await lives(log, 0, 1)
        await settled(house)
    made = await rebuilt(house, tmp_path)
    async with await AsyncConnection.connect(house.database, autocommit=True) as connection:
        await connection.execute("CREATE SCHEMA plain; SET search_path TO plain")
        for file in ("tables.sql", "indexes.sql", "views.sql"):
            await connection.execute((Path("contracts/read_model") / file).read_bytes())
        query = "SELECT replace(indexdef, %s || '.', '') FROM pg_indexes WHERE schemaname = %s ORDER BY 1"
        found = [await (await connection.execute(query, (name, name))).fetchall() for name in ("plain", made.schema)]
    assert found[0] == found[1]
