"""Dead letters on real Kafka and Postgres: what waits, what lets it go, and that a rebuild comes to the same."""

import asyncio
from base64 import b64encode
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from psycopg import AsyncConnection
from psycopg.conninfo import conninfo_to_dict
from psycopg.errors import InvalidSchemaName, UndefinedTable
from psycopg.rows import dict_row
from psycopg.sql import SQL, Identifier

from adapters.ends import Ends
from adapters.fresh import Fresh
from adapters.log import Log
from adapters.read_model import ReadModel
from contracts import ids
from contracts.dead_letters import Discarded, RetryRequested
from contracts.events import Message, Position, Record, Undecodable
from migrations import migrate
from services.notifier.feed import BEGINNING, Feed
from services.projector import schema
from services.projector.source import Log as Source
from services.projector.store import Store, Switched
from services.projector.unburied import bury_what_is_left
from services.projector.verify import verify
from tests import events
from tests.events import cause, uid
from tests.integration.rebuilding import means, rebuilt, served, settled
from tests.running import House

PROJECTOR = "services.projector"


async def rows(house: House, query: str, *params: object) -> list[dict[str, Any]]:
    async with await AsyncConnection.connect(house.database, autocommit=True, row_factory=dict_row) as connection:
        return await (await connection.execute(query.encode(), params)).fetchall()


async def eventually(house: House, query: str, *params: object, within: float = 20) -> list[dict[str, Any]]:
    """The rows of a query, once there are any; there may be no read model yet."""
    async with asyncio.timeout(within):
        while True:
            with suppress(UndefinedTable, InvalidSchemaName):
                if found := await rows(house, query, *params):
                    return found
            await asyncio.sleep(0.05)


async def poison(log: Log, image: UUID, name: object = "poison") -> Position:
    """A record that nobody can read, in the image's own lane."""
    good = events.message(events.uploaded(image), name)
    spoilt = Message(topic=good.topic, key=good.key, value=b"{", headers=good.headers)
    return (await log.produce(spoilt, uid(name))).position


def about(at: Position, image: UUID) -> dict[str, Any]:
    return {
        "consumer": "projector",
        "topic": at.topic,
        "partition": at.partition,
        "offset": at.offset,
        "record_key": b64encode(str(image).encode()).decode(),
        "letter": ids.buried("projector", at.topic, at.partition, at.offset),
        "owner": "admin",
        "actor": "admin",
    }


async def say(
    log: Log, kind: type[Discarded] | type[RetryRequested], at: Position, image: UUID, name: object
) -> Position:
    return (await log.append(kind(**about(at, image)), cause(name))).position


async def equal(house: House, folder: Path) -> None:
    """What is served is what the log says, where it stands at this moment."""
    found = await verify(means(house, folder))
    assert found.unlike == [], found.differences


async def test_what_comes_behind_an_unreadable_record_waits_and_a_discard_lets_it_go_in_order(
    house: House, log: Log, tmp_path: Path
) -> None:
    image, other = uid("image"), uid("other")
    async with house.run(PROJECTOR):
        await log.append(events.uploaded(image), cause("upload"))
        at = await poison(log, image)
        await log.append(events.updated(image, expected_version=1, changes={"title": "second"}), cause("edit"))
        await log.append(events.updated(image, expected_version=2, changes={"title": "third"}), cause("again"))
        await log.append(events.uploaded(other), cause("other"))
        await eventually(house, "SELECT 1 FROM framelog.images WHERE image_id = %s", other)
        await settled(house)
        (letter,) = await eventually(house, "SELECT * FROM framelog.dead_letters")
        assert (letter["standing"], letter["parked"], letter["tries"]) == ("buried", 2, 1)
        assert [
            row["title"] for row in await rows(house, "SELECT title FROM framelog.images WHERE image_id = %s", image)
        ] == [None]
        parked = await rows(house, 'SELECT event_id, reason FROM framelog.parked ORDER BY "offset"')
        assert [(one["event_id"], one["reason"]) for one in parked] == [
            (uid("poison"), "malformed"),
            (uid("edit"), None),
            (uid("again"), None),
        ]
        await equal(house, tmp_path)
        told = await say(log, Discarded, at, image, "discard")
        await eventually(house, "SELECT 1 FROM framelog.images WHERE title = 'third' AND version = 3")
        (letter,) = await rows(house, "SELECT * FROM framelog.dead_letters")
        assert (letter["standing"], letter["parked"]) == ("discarded", 0)
        assert await rows(house, "SELECT * FROM framelog.parked") == []
        seen = await rows(house, "SELECT * FROM framelog.released")
        assert {one["event_id"] for one in seen} == {uid("edit"), uid("again")}
        assert {(one["topic"], one["partition"], one["offset"]) for one in seen} == {
            (told.topic, told.partition, told.offset)
        }
        await equal(house, tmp_path)
        _, folded = await served(house)
        made = await rebuilt(house, tmp_path)
        assert made.differences == ()
        assert await served(house) == (made.schema, folded)
        assert await rows(house, f"SELECT * FROM {made.schema}.released ORDER BY event_id") == sorted(
            seen, key=lambda one: one["event_id"]
        )


async def test_a_rebuild_parks_alike_and_what_it_has_parked_is_let_go_afterwards(
    house: House, log: Log, tmp_path: Path
) -> None:
    image = uid("image")
    async with house.run(PROJECTOR):
        await log.append(events.uploaded(image), cause("upload"))
        first = await poison(log, image, "first")
        await log.append(events.updated(image, expected_version=1, changes={"title": "a"}), cause("a"))
        second = await poison(log, image, "second")
        await log.append(events.updated(image, expected_version=2, changes={"title": "b"}), cause("b"))
        await settled(house)
        await eventually(house, "SELECT 1 FROM framelog.letters HAVING count(*) = 2")
        await settled(house)
        made = await rebuilt(house, tmp_path)
        assert made.differences == ()
        assert made.digests["parked"].rows == 4
        await say(log, RetryRequested, first, image, "retry")
        (letter,) = await eventually(house, "SELECT * FROM framelog.dead_letters WHERE tries = 2")
        assert (letter["standing"], letter["parked"]) == ("retried", 2)
        await equal(house, tmp_path)
        await say(log, Discarded, first, image, "discard first")
        await eventually(house, "SELECT 1 FROM framelog.images WHERE title = 'a'")
        await equal(house, tmp_path)
        await log.append(events.deleted(image), cause("delete"))
        await settled(house)
        assert await rows(house, "SELECT 1 FROM framelog.images WHERE deleted_at IS NOT NULL") == []
        await say(log, Discarded, second, image, "discard second")
        await eventually(house, "SELECT 1 FROM framelog.images WHERE title = 'b' AND deleted_at IS NOT NULL")
        await equal(house, tmp_path)
    assert len(await house.dead_letters(5)) == 5


async def test_what_was_said_twice_or_of_no_dead_letter_changes_nothing(house: House, log: Log, tmp_path: Path) -> None:
    image = uid("image")
    async with house.run(PROJECTOR):
        at = await poison(log, image)
        await eventually(house, "SELECT 1 FROM framelog.letters")
        nowhere = Position(at.topic, at.partition, at.offset + 7)
        for number, (kind, where) in enumerate(
            [(RetryRequested, at), (RetryRequested, at), (Discarded, nowhere), (Discarded, at), (Discarded, at)]
        ):
            await say(log, kind, where, image, number)
        await eventually(house, "SELECT 1 FROM framelog.events WHERE event_id = %s", uid(4))
        found = await rows(house, "SELECT event_id, reason FROM framelog.events WHERE topic = 'framelog.dead-letters'")
        reasons = {one["event_id"]: one["reason"] for one in found}
        assert [reasons[uid(number)] for number in range(5)] == [
            None,
            "dead-letter-retried",
            "no-such-dead-letter",
            None,
            "dead-letter-discarded",
        ]
        await equal(house, tmp_path)


async def test_who_follows_the_log_sees_what_was_parked_where_it_was_let_go(house: House, log: Log) -> None:
    image = uid("image")
    async with (
        house.run(PROJECTOR),
        ReadModel(house.database) as read_model,
        Ends(house.stack.kafka, house.names) as ends,
    ):
        feed = Feed(read_model, Fresh(read_model, ends))
        await log.append(events.uploaded(image), cause("upload"))
        at = await poison(log, image)
        for name in range(3):
            await log.append(events.updated(image, expected_version=None), cause(name))
        await eventually(house, "SELECT 1 FROM framelog.letters")
        await settled(house)
        news = await feed.after(BEGINNING)
        assert news.causes == [uid("upload")]
        assert (await feed.after(news.cursor)).causes == []
        told = await say(log, Discarded, at, image, "discard")
        await eventually(house, "SELECT 1 FROM framelog.released")
        late = await feed.after(news.cursor)
        assert set(late.causes) == {uid(name) for name in range(3)}
        assert late.cursor[told.topic, told.partition] == told.offset + 1
        assert (await feed.after(late.cursor)).causes == []


async def test_a_first_build_buries_what_nobody_has_buried_and_nothing_twice(house: House, log: Log) -> None:
    """The database is lost: some dead letters stand in the log, and one more record that nobody can read."""
    async with house.run(PROJECTOR):
        await eventually(house, "SELECT 1 FROM framelog.events HAVING count(*) = 0")
        await poison(log, uid("one"), "one")
        await eventually(house, "SELECT 1 FROM framelog.letters")
        await settled(house)
    await poison(log, uid("two"), "two")
    await emptied(house)
    for number in range(2):
        async with house.run(PROJECTOR):
            await log.append(events.uploaded(uid(number)), cause(number))
            await eventually(house, "SELECT 1 FROM framelog.events WHERE event_id = %s", uid(number))
            await eventually(house, "SELECT 1 FROM framelog.letters HAVING count(*) = 2")
    assert len(await house.dead_letters(2)) == 2


async def test_who_slept_through_two_rebuilds_buries_nothing_of_what_is_gone(house: House, log: Log) -> None:
    async with await AsyncConnection.connect(house.database) as connection:
        name = await schema.create(connection)
    store = await Store.connect(house.database, name)
    async with await AsyncConnection.connect(house.database) as connection:
        await schema.drop(connection, name)

    async def asleep() -> Store:
        return store

    async def bury(record: Record, error: Undecodable) -> None:
        raise AssertionError(record)

    with pytest.raises(Switched):
        await bury_what_is_left(asleep, Source(house.stack.kafka, house.names), bury)


async def test_too_much_that_nobody_can_read_ends_the_projector_for_good_in_one_line(house: House, log: Log) -> None:
    await house_is_up(house)
    for number in range(12):
        await poison(log, uid("image"), number)
    for _ in range(2):
        process = await house.start(PROJECTOR, undecodable_run=10, projector_batch=4)
        assert await asyncio.wait_for(process.wait(), 30) == 1
    buried = await house.dead_letters(0)
    assert len({one.offset for one in buried}) == len(buried) <= 9
    async with house.run(PROJECTOR, undecodable_run=20):
        await eventually(house, "SELECT 1 FROM framelog.letters HAVING count(*) = 12")


async def house_is_up(house: House) -> None:
    """There is a read model, so that no build comes first."""
    async with house.run(PROJECTOR):
        await eventually(house, "SELECT 1 FROM framelog.events HAVING count(*) = 0")


async def emptied(house: House) -> None:
    name = Identifier(str(conninfo_to_dict(house.database)["dbname"]))
    async with await AsyncConnection.connect(house.stack.postgres, autocommit=True) as postgres:
        await postgres.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(name))
        await postgres.execute(SQL("CREATE DATABASE {}").format(name))
    await migrate(house.database)
