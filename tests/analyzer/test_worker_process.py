"""The analyzer as a process, on real Kafka and object storage: every cause gets one outcome, whatever happens."""

import asyncio
import hashlib
import socket
import sys
from base64 import b64encode
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import aiohttp
import pytest
from aiokafka import AIOKafkaConsumer

from adapters.log import Log
from adapters.objects import Objects
from contracts import ids
from contracts.analyses import AnalysisCompleted, AnalysisFailed, AnalysisStarted
from contracts.codec import Event, decode, encode
from contracts.dead_letters import AboutRecord, RetryRequested, bury
from contracts.events import Message, Position, Recorded, Undecodable
from contracts.images import Content, Wanted
from contracts.topics import ANALYSES
from tests import events, pictures
from tests.events import cause, uid
from tests.running import House
from tests.waiting import until

ANALYZER = "services.analyzer"


class Line:
    """A stack with an analyzer to come: pictures go in, analysis events come out."""

    def __init__(self, house: House, log: Log, objects: Objects) -> None:
        self.house, self.log, self.objects = house, log, objects

    async def keep(self, data: bytes) -> Content:
        sha256 = hashlib.sha256(data).hexdigest()
        await self.objects.put(ids.original_key(sha256), data, "image/jpeg")
        return events.content(sha256=sha256, size=len(data), storage_key=ids.original_key(sha256))

    async def say(self, event: Event, name: object, **more: Any) -> None:
        await self.log.append(event, cause(name, **more))

    async def send(self, message: Message) -> None:
        await self.log.produce(message, uid("raw"))

    async def told(self, outcomes: int, within: float = 40) -> list[Recorded[Event]]:
        """Every analysis event, once there are outcomes of so many causes."""
        topic = self.house.names.physical(ANALYSES.name)
        found: list[Recorded[Event]] = []
        async with (
            asyncio.timeout(within),
            AIOKafkaConsumer(topic, bootstrap_servers=self.house.stack.kafka, auto_offset_reset="earliest") as consumer,
        ):
            while len(outcomes_of(found)) < outcomes:
                for records in (await consumer.getmany(timeout_ms=200)).values():
                    found += [decode(self.house.names.record(raw)) for raw in records]
        return found


def outcomes_of(told: list[Recorded[Event]]) -> Mapping[UUID, set[UUID]]:
    """Ids of outcomes, by cause."""
    found: dict[UUID, set[UUID]] = defaultdict(set)
    for recorded in told:
        if isinstance(recorded.event, AnalysisCompleted | AnalysisFailed):
            found[recorded.event.cause].add(recorded.cause.event_id)
    return found


@pytest.fixture
async def line(house: House) -> AsyncIterator[Line]:
    stack = house.stack
    async with (
        Log(stack.kafka, house.names) as log,
        Objects(stack.s3, stack.s3_access_key, stack.s3_secret_key, house.bucket, "us-east-1") as objects,
    ):
        yield Line(house, log, objects)


async def test_an_upload_is_taken_in_hand_and_completed_under_ids_of_its_cause(line: Line) -> None:
    content = await line.keep(pictures.photograph())
    wanted = (Wanted(algorithm="metadata"), Wanted(algorithm="hash"), Wanted(algorithm="caption"))
    await line.say(events.uploaded(uid("image"), content=content, wanted=wanted), "up", request_id=uid("request"))
    async with line.house.run(ANALYZER, analyzer_children=1):
        started, completed = await line.told(1)
    assert isinstance(started.event, AnalysisStarted)
    assert isinstance(completed.event, AnalysisCompleted)
    assert started.cause.event_id == ids.started(uid("up"), "core")
    assert completed.cause.event_id == ids.outcome(uid("up"), "core")
    for told in (started, completed):
        assert (told.cause.causation_id, told.cause.request_id) == (uid("up"), uid("request"))
        assert (told.event.image_id, told.event.owner, told.event.cause) == (uid("image"), "alice", uid("up"))
        assert told.event.wanted == wanted[:2]
    assert [result.algorithm for result in completed.event.results] == ["metadata", "hash"]


async def test_a_picture_that_cannot_be_decoded_fails_and_its_neighbours_do_not(line: Line) -> None:
    broken, whole = await line.keep(pictures.truncated_jpeg(0.01)), await line.keep(pictures.photograph(seed=1))
    wanted = (Wanted(algorithm="hash"),)
    await line.say(events.uploaded(uid("broken"), content=broken, wanted=wanted), "broken")
    await line.say(events.uploaded(uid("missing"), content=events.content("gone"), wanted=wanted), "missing")
    await line.say(events.uploaded(uid("whole"), content=whole, wanted=wanted), "whole")
    async with line.house.run(ANALYZER, analyzer_children=1):
        told = await line.told(3)
    ended = {one.event.image_id: one.event for one in told if not isinstance(one.event, AnalysisStarted)}
    assert isinstance(ended[uid("whole")], AnalysisCompleted)
    assert ended[uid("broken")].failures[0].type == "undecodable-image"
    assert ended[uid("missing")].failures[0].type == "object-missing"


async def test_what_asks_for_nothing_is_passed_in_silence(line: Line) -> None:
    content = await line.keep(pictures.photograph())
    await line.say(events.uploaded(uid("quiet"), content=content, wanted=()), "quiet")
    await line.say(events.deleted(uid("quiet")), "delete")
    await line.say(events.restored(uid("quiet")), "restore")
    await line.say(events.uploaded(uid("other"), content=content, wanted=(Wanted(algorithm="caption"),)), "other")
    await line.say(events.uploaded(uid("loud"), content=content, wanted=(Wanted(algorithm="hash"),)), "loud")
    async with line.house.run(ANALYZER, analyzer_children=1):
        told = await line.told(1)
    assert {one.event.image_id for one in told} == {uid("loud")}


async def test_an_algorithm_of_the_group_that_is_not_installed_fails_as_disabled(line: Line) -> None:
    content = await line.keep(pictures.photograph())
    wanted = (Wanted(algorithm="hash"), Wanted(algorithm="horoscope"))
    await line.say(events.uploaded(uid("image"), content=content, wanted=wanted), "up")
    async with line.house.run(ANALYZER, analyzer_children=1, algorithm_groups="core=hash+horoscope"):
        _, completed = await line.told(1)
    assert [(one.algorithm, one.type) for one in completed.event.failures] == [("horoscope", "algorithm-disabled")]


async def test_unreadable_records_are_buried_once_each_with_their_bytes_and_the_next_is_analysed(line: Line) -> None:
    sound = encode(events.uploaded(uid("good")), cause("good"))
    future = dict(sound.headers) | {"ce_type": b"framelog.image.uploaded.v99"}
    bad = {
        "null-body": Message(topic=sound.topic, key=sound.key, value=None, headers=sound.headers),  # type: ignore[arg-type]
        "malformed": Message(topic=sound.topic, key=sound.key, value=b"\x00\xff", headers=sound.headers),
        "newer-version": Message(topic=sound.topic, key=sound.key, value=sound.value, headers=tuple(future.items())),
    }
    for message in bad.values():
        await line.send(message)
    content = await line.keep(pictures.photograph())
    for outcomes in (1, 2):  # a second analyzer finds the unreadable ones committed
        good = events.uploaded(uid("good"), content=content, wanted=(Wanted(algorithm="hash"),))
        await line.say(good, outcomes)
        async with line.house.run(ANALYZER, analyzer_children=1):
            await line.told(outcomes)
            letters = await line.house.dead_letters(3)
    assert {letter.reason: (letter.value, letter.consumer) for letter in letters} == {
        "null-body": (None, "analyzer-core"),
        "malformed": ("AP8=", "analyzer-core"),
        "newer-version": (b64encode(sound.value).decode(), "analyzer-core"),
    }


async def test_a_dead_letter_of_its_own_that_somebody_wants_retried_is_handled_once_more(line: Line) -> None:
    content = await line.keep(pictures.photograph())
    sent = encode(events.uploaded(uid("image"), content=content, wanted=(Wanted(algorithm="hash"),)), cause("up"))
    late = bury(events.record(sent, 7), Undecodable("newer-version", "", Position(sent.topic, 0, 7)), "analyzer-core")
    for number, consumer in enumerate(("analyzer-models", "analyzer-core")):
        about = {name: getattr(late, name) for name in AboutRecord.__struct_fields__} | {"consumer": consumer}
        retry = RetryRequested(**about, letter=uid("letter"), owner="admin", actor="admin", original=late)
        await line.say(retry, ("retry", number))
    async with line.house.run(ANALYZER, analyzer_children=1):
        told = await line.told(1)
    assert [one.event.image_id for one in told if isinstance(one.event, AnalysisCompleted)] == [uid("image")]


async def test_two_analyzers_and_a_kill_leave_one_outcome_per_cause(line: Line) -> None:
    wanted = (Wanted(algorithm="metadata"), Wanted(algorithm="hash"))
    contents = [await line.keep(pictures.photograph(seed=seed)) for seed in range(8)]
    first = await line.house.start(ANALYZER, analyzer_children=1)
    async with line.house.run(ANALYZER, analyzer_children=1):
        for number in range(120):
            content = contents[number % len(contents)]
            await line.say(events.uploaded(uid(number), content=content, wanted=wanted), number)
            if number == 60:
                await line.told(10)
                first.kill()
                await first.wait()
        told = await line.told(120)
    assert outcomes_of(told) == {uid(number): {ids.outcome(uid(number), "core")} for number in range(120)}


@pytest.mark.parametrize(
    ("settings", "code", "says"),
    [
        ({"analyzer_window": 0}, 2, "FRAMELOG_ANALYZER_WINDOW"),
        ({"group": "nobody"}, 2, "FRAMELOG_GROUP: nobody is none of FRAMELOG_ALGORITHM_GROUPS (core, models, network)"),
        ({"kafka": "127.0.0.1:1"}, 3, "Kafka at 127.0.0.1:1 does not answer"),
        ({"topic_prefix": "nowhere-"}, 3, "nowhere-framelog.images, nowhere-framelog.reanalysis in Kafka"),
    ],
)
async def test_an_analyzer_that_cannot_start_says_why_in_one_line(
    house: House, settings: dict[str, object], code: int, says: str
) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", ANALYZER, env=house.environment(**settings), stderr=asyncio.subprocess.PIPE
    )
    _, error = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == code
    (said,) = [text for text in error.decode().splitlines() if not text.startswith("{")]
    assert says in said


async def test_an_analyzer_counts_what_it_does(line: Line) -> None:
    content, port = await line.keep(pictures.photograph()), free_port()
    await line.say(events.uploaded(uid("image"), content=content, wanted=(Wanted(algorithm="hash"),)), "up")
    async with line.house.run(ANALYZER, analyzer_children=1, metrics=f"127.0.0.1:{port}"):
        await line.told(1)
        await until(lambda: counts(port, "framelog_messages_in_flight{%s} 0.0"))  # after the outcome is in the log
        assert await counts(port, 'framelog_messages_total{%s,outcome="handled",topic="framelog.images"} 1.0')


async def counts(port: int, metric: str) -> bool:
    """Whether the analyzer's metrics are that one too."""
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}/metrics") as answer:
        return metric % 'consumer="analyzer-core"' in await answer.text()


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@asynccontextmanager
async def forwarded(port: int, to: str) -> AsyncIterator[None]:
    """Whatever comes to `port` on this machine goes to the address `to`, while the block lasts."""
    host, _, there = to.partition("://")[2].partition(":")

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(host, int(there))
        async with asyncio.TaskGroup() as ways:
            ways.create_task(_pour(reader, far_writer))
            ways.create_task(_pour(far_reader, writer))

    server = await asyncio.start_server(forward, "127.0.0.1", port)
    try:
        yield
    finally:
        server.close()


async def _pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()


async def test_while_object_storage_is_down_pictures_wait_and_nothing_fails(line: Line) -> None:
    content, port = await line.keep(pictures.photograph()), free_port()
    await line.say(events.uploaded(uid("image"), content=content, wanted=(Wanted(algorithm="hash"),)), "up")
    async with line.house.run(ANALYZER, analyzer_children=1, s3=f"http://127.0.0.1:{port}"):
        with pytest.raises(TimeoutError):
            await line.told(1, within=6)
        async with forwarded(port, line.house.stack.s3):
            told = await line.told(1)
    assert isinstance(told[-1].event, AnalysisCompleted)
    assert {one.cause.event_id for one in told} == {ids.started(uid("up"), "core"), ids.outcome(uid("up"), "core")}
