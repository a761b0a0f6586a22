"""The projector on real Kafka and Postgres: what it writes, and what it must not lose or do twice."""

import asyncio
from base64 import b64decode
from typing import Any

from psycopg import AsyncConnection
from psycopg.rows import dict_row

from adapters.log import Log
from adapters.read_model import ReadModel
from contracts.codec import Event
from contracts.events import Message
from contracts.topics import IMAGES
from tests import events
from tests.events import cause, uid
from tests.running import House

PROJECTOR = "services.projector"
PLANS = "SELECT custom_plans, generic_plans FROM pg_prepared_statements WHERE statement LIKE '%%described_images%%'"


async def append(log: Log, event: Event, name: object) -> None:
    await log.append(event, cause(name))


async def rows(house: House, query: str, *params: object) -> list[dict[str, Any]]:
    async with await AsyncConnection.connect(house.database, row_factory=dict_row) as connection:
        return await (await connection.execute(query.encode(), params)).fetchall()


async def eventually(house: House, query: str, *params: object, within: float = 15) -> list[dict[str, Any]]:
    """The rows of `query`, as soon as there are any."""
    async with asyncio.timeout(within):
        while True:
            try:
                if found := await rows(house, query, *params):
                    return found
            except Exception as error:
                if "does not exist" not in str(error):
                    raise
            await asyncio.sleep(0.05)


async def test_an_image_is_folded_into_a_row_with_its_history(house: House, log: Log) -> None:
    image = uid("image")
    async with house.run(PROJECTOR):
        await append(log, events.uploaded(image, title="Beach", tags=("sea", "sand")), 1)
        await append(log, events.updated(image, expected_version=1, changes={"title": None}), 2)
        await append(log, events.updated(image, expected_version=1, changes={"title": "late"}), 3)
        await append(log, events.deleted(image, expected_version=2), 4)
        history = await eventually(
            house, 'SELECT * FROM framelog.events WHERE (SELECT count(*) FROM framelog.events) = 4 ORDER BY "offset"'
        )
        (row,) = await rows(house, "SELECT * FROM framelog.images")
    assert [(one["accepted"], one["version"], one["reason"]) for one in history] == [
        (True, 1, None),
        (True, 2, None),
        (False, None, "version-mismatch"),
        (True, 3, None),
    ]
    assert (row["version"], row["title"], row["tags"], row["deleted_at"] is None) == (3, None, ["sea", "sand"], False)
    assert row["offset"] == history[3]["offset"]
    assert row["words"] == ["beach", "jpg", "sand", "sea"]


async def test_an_analysis_settles_the_status_and_a_duplicate_event_changes_nothing(house: House, log: Log) -> None:
    image, upload = uid("image"), uid("upload")
    async with house.run(PROJECTOR):
        await append(log, events.uploaded(image), "upload")
        await eventually(house, "SELECT * FROM framelog.described_images WHERE status = 'queued'")
        await append(log, events.started(image, upload), "started")
        await eventually(house, "SELECT * FROM framelog.described_images WHERE status = 'running'")
        await append(log, events.completed(image, upload), "outcome")
        await append(log, events.failed(image, upload), "outcome")
        await append(log, events.failed(uid("other"), upload), "last")
        await eventually(house, "SELECT * FROM framelog.events WHERE event_id = %s", uid("last"))
        assert await rows(house, "SELECT status FROM framelog.described_images") == [{"status": "completed"}]
        facts = await rows(house, "SELECT algorithm FROM framelog.facts ORDER BY 1")
        assert [fact["algorithm"] for fact in facts] == ["exif", "hash"]


async def test_records_nobody_can_read_are_buried_once_and_their_neighbours_go_on(house: House, log: Log) -> None:
    good, bad = (events.message(events.uploaded(uid(name)), name) for name in ("good", "bad"))
    poison = [
        Message(topic=bad.topic, key=b"one", value=b"{", headers=bad.headers),
        Message(topic=bad.topic, key=b"two", value=bad.value, headers=()),
        Message(topic=bad.topic, key=b"three", value=bad.value, headers=bad.headers),
    ]
    for number, message in enumerate(poison):
        await log.produce(message, uid(number))
    await log.produce(good, uid("good"))
    async with house.run(PROJECTOR):
        await eventually(house, "SELECT * FROM framelog.images")
        buried = await house.dead_letters(len(poison))
    assert sorted(letter.reason for letter in buried) == ["malformed", "missing-header", "wrong-key"]
    assert {letter.value for letter in buried} == {
        "ew==",
        *(letter.value for letter in buried if letter.value != "ew=="),
    }


async def test_the_largest_record_there_can_be_is_buried_whole(house: House, log: Log) -> None:
    good = events.message(events.uploaded(uid("good")), "good")
    largest = b"x" * (int(IMAGES.configs["max.message.bytes"]) - 4096)
    await log.produce(Message(topic=good.topic, key=b"large", value=largest, headers=good.headers), uid("large"))
    await log.produce(good, uid("good"))
    async with house.run(PROJECTOR):
        await eventually(house, "SELECT * FROM framelog.images")
        (buried,) = await house.dead_letters(1)
    assert b64decode(buried.value or "") == largest


async def test_a_kill_between_any_two_batches_loses_nothing_and_repeats_nothing(house: House, log: Log) -> None:
    images = [uid(number) for number in range(300)]
    process = await house.start(PROJECTOR, projector_batch=20)
    for number, image in enumerate(images):
        await append(log, events.uploaded(image), ("upload", number))
        await append(log, events.updated(image, expected_version=1, changes={"title": str(number)}), ("edit", number))
        if number % 100 == 50:
            process.kill()
            await process.wait()
            process = await house.start(PROJECTOR, projector_batch=20)
    await eventually(house, "SELECT 1 FROM framelog.images WHERE version = 2 HAVING count(*) = 300", within=40)
    process.terminate()
    assert await process.wait() == 0
    assert len(await rows(house, "SELECT 1 FROM framelog.events WHERE accepted")) == 600


async def test_images_are_planned_once_whoever_asks_for_however_many(house: House, log: Log) -> None:
    images = [uid(number) for number in range(5)]
    async with house.run(PROJECTOR), ReadModel(house.database, connections=1) as read_model:
        for number, image in enumerate(images):
            await append(log, events.uploaded(image), ("upload", number))
        await eventually(house, "SELECT 1 FROM framelog.images HAVING count(*) = 5")
        for number in range(30):
            asked = images[: 1 + number % 5]
            assert [one.image.image_id for one in await read_model.images(asked)] == asked
        (plans,) = await read_model.rows(PLANS)
    assert plans["custom_plans"] == 5, "the first of them: then Postgres takes the plan that is good for all"
    assert plans["generic_plans"] > 10


async def test_a_request_is_known_by_its_own_event_whatever_it_caused_is_seen_first(house: House, log: Log) -> None:
    image, upload, request = uid("image"), uid("upload"), uid("request")
    caused = cause("outcome", source="analyzer", request_id=request, causation_id=upload)
    async with house.run(PROJECTOR), ReadModel(house.database) as read_model:
        await log.append(events.completed(image, upload), caused)
        await eventually(house, "SELECT * FROM framelog.events WHERE event_id = %s", uid("outcome"))
        assert await read_model.of_request(request) is None
        await log.append(events.uploaded(image), cause("upload", request_id=request))
        assert await read_model.verdict(upload, within=10)
        seen = await read_model.of_request(request)
    assert seen is not None
    assert seen.event_id == upload
