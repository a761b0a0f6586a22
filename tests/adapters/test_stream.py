"""Consumption on real Kafka: each way in which Faust, used as it comes, would lose a message."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from adapters.admin import create_topics, delete_topics
from adapters.log import MAX_RECORD, Names
from adapters.stream import Pace, Stream, Stuck
from adapters.stream.member import Member
from adapters.tolerance import Limits, TooManyUndecodable
from contracts.codec import Event
from contracts.events import Message, Record, Recorded, TryLater, Undecodable
from contracts.topics import IMAGES
from tests import events
from tests.events import uid
from tests.running import Stack
from tests.waiting import until

PACE = Pace(session=6.0, handover=3.0, grace=3.0)


@dataclass
class House:
    """One topic of one test, and who reads it."""

    kafka: str
    names: Names
    partitions: int
    handled: list[tuple[int, int]] = field(default_factory=list)
    buried: list[tuple[Record, Undecodable]] = field(default_factory=list)

    @property
    def group(self) -> str:
        return f"{self.names.prefix}group"

    async def send(self, *messages: Message) -> None:
        async with AIOKafkaProducer(
            bootstrap_servers=self.kafka, enable_idempotence=True, max_request_size=MAX_RECORD
        ) as producer:
            topic = self.names.physical(IMAGES.name)
            for one in messages:
                await producer.send(topic, one.value, one.key, headers=list(one.headers))

    async def committed(self) -> list[int]:
        """Offsets that the group has committed, by partition."""
        async with AIOKafkaConsumer(bootstrap_servers=self.kafka, group_id=self.group) as consumer:
            topic = self.names.physical(IMAGES.name)
            return [await consumer.committed(TopicPartition(topic, one)) or 0 for one in range(self.partitions)]

    async def has_committed(self) -> bool:
        return any(await self.committed())

    async def handle(self, recorded: Recorded[Event]) -> None:
        self.handled.append((recorded.position.partition, recorded.position.offset))

    async def bury(self, record: Record, error: Undecodable) -> None:
        self.buried.append((record, error))

    @asynccontextmanager
    async def consuming(
        self,
        handle: Callable[[Recorded[Event]], Awaitable[None]] | None = None,
        bury: Callable[[Record, Undecodable], Awaitable[None]] | None = None,
        window: int = 8,
        pace: Pace = PACE,
        limits: Limits | None = None,
    ) -> AsyncIterator[tuple[asyncio.Task[None], asyncio.Event]]:
        """A consumer while the block lasts. The event stops it in order; left running, it is dropped."""
        stop = asyncio.Event()
        stream = Stream(self.kafka, self.names, self.group, stop, pace, limits)
        task = asyncio.create_task(stream.consume({IMAGES.name: window}, handle or self.handle, bury or self.bury))
        try:
            yield task, stop
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await task


@asynccontextmanager
async def topic(stack: Stack, unique: str, partitions: int) -> AsyncIterator[House]:
    names, topics = Names(f"{unique}-"), [replace(IMAGES, partitions=partitions)]
    await create_topics(stack.kafka, names, topics)
    yield House(stack.kafka, names, partitions)
    await delete_topics(stack.kafka, names, topics)


@pytest.fixture
async def house(stack: Stack, unique: str) -> AsyncIterator[House]:
    async with topic(stack, unique, 1) as house:
        yield house


@pytest.fixture
async def wide(stack: Stack, unique: str) -> AsyncIterator[House]:
    async with topic(stack, unique, 6) as house:
        yield house


def uploads(numbers: Iterable[int]) -> list[Message]:
    return [events.message(events.uploaded(uid(number)), number) for number in numbers]


async def test_the_committed_offset_never_passes_a_message_that_hangs(house: House) -> None:
    async def handle(recorded: Recorded[Event]) -> None:
        if recorded.position.offset == 3:
            await asyncio.Event().wait()
        await house.handle(recorded)

    await house.send(*uploads(range(12)))
    async with house.consuming(handle):
        await until(lambda: len(house.handled) == 11)
        await until(house.has_committed)
        await asyncio.sleep(1.5)  # it commits every second
        assert await house.committed() == [3]
    house.handled.clear()
    async with house.consuming():
        await until(lambda: len(house.handled) == 9)
    assert house.handled == [(0, offset) for offset in range(3, 12)]


async def test_a_message_whose_handler_raises_ends_the_consumer_and_is_delivered_again(house: House) -> None:
    async def handle(recorded: Recorded[Event]) -> None:
        if recorded.position.offset == 3:
            raise ValueError("a bug")
        await house.handle(recorded)

    await house.send(*uploads(range(12)))
    async with house.consuming(handle) as (task, _):
        with pytest.raises(ValueError, match="a bug"):
            await asyncio.wait_for(task, 20)
    assert await house.committed() == [3]
    house.handled.clear()
    async with house.consuming():
        await until(lambda: len(house.handled) == 9)
    assert house.handled[0] == (0, 3)


UPLOADED = events.message(events.uploaded(uid("one")), "one")


def changed(key: bytes = UPLOADED.key, value: bytes = UPLOADED.value, **headers: str) -> Message:
    """An upload's record, with something about it not as it should be."""
    changed = dict(UPLOADED.headers) | {name: text.encode() for name, text in headers.items()}
    return Message(topic=UPLOADED.topic, key=key, value=value, headers=tuple(changed.items()))


BAD = {
    "null-body": changed(value=None),  # type: ignore[arg-type]
    "missing-header": Message(topic=UPLOADED.topic, key=UPLOADED.key, value=UPLOADED.value, headers=()),
    "malformed": changed(value=b"\xff{"),
    "unknown-type": changed(ce_type="framelog.image.painted.v1"),
    "newer-version": changed(ce_type="framelog.image.uploaded.v99"),
    "wrong-key": changed(key=b"another"),
}


@pytest.mark.parametrize("reason", BAD)
async def test_an_unreadable_record_is_buried_once_as_it_was_and_the_next_goes_on(house: House, reason: str) -> None:
    await house.send(*uploads([0]), BAD[reason], *uploads([1]))
    async with house.consuming() as (task, stop):
        await until(lambda: len(house.handled) == 2)
        stop.set()
        await task
    ((record, error),) = house.buried
    assert (record.key, record.value, record.headers) == (BAD[reason].key, BAD[reason].value, BAD[reason].headers)
    assert (error.reason, record.offset, record.topic) == (reason, 1, IMAGES.name)
    assert await house.committed() == [3]


async def test_a_record_larger_than_a_fetch_is_delivered_too(house: House) -> None:
    await house.send(changed(value=b"x" * 5 * 1024 * 1024), *uploads([1]))
    async with house.consuming():
        await until(lambda: house.handled == [(0, 1)] and len(house.buried) == 1)
    ((record, _),) = house.buried
    assert len(record.value or b"") == 5 * 1024 * 1024


async def test_a_record_is_not_passed_before_its_dead_letter_stands(house: House) -> None:
    tries: list[int] = []

    async def bury(record: Record, error: Undecodable) -> None:
        tries.append(record.offset)
        if len(tries) < 3:
            raise TryLater("Kafka is down", after=1.0)

    await house.send(BAD["malformed"], *uploads([1]))
    async with house.consuming(bury=bury) as (task, stop):
        await until(lambda: house.handled == [(0, 1)])
        assert await house.committed() == [0]
        await until(lambda: len(tries) == 3)
        stop.set()
        await task
    assert await house.committed() == [2]


async def test_too_many_unreadable_records_in_a_row_end_the_consumer_and_whoever_is_started_after_it(
    house: House,
) -> None:
    await house.send(*[BAD["newer-version"]] * 150)
    for _ in range(2):
        async with house.consuming() as (task, _):
            with pytest.raises(TooManyUndecodable, match="FRAMELOG_UNDECODABLE_RUN"):
                await asyncio.wait_for(task, 20)
        assert {record.offset for record, _ in house.buried} <= set(range(99))


async def test_unreadable_records_among_readable_ones_end_no_consumer(house: House) -> None:
    bad = [BAD["malformed"]] * 30
    await house.send(*bad, *uploads(range(1)), *bad, *uploads(range(2)))
    async with house.consuming(limits=Limits(run=31)) as (task, stop):
        await until(lambda: len(house.buried) == 60 and len(house.handled) == 3)
        stop.set()
        await task


async def test_a_message_that_waits_for_a_dependency_holds_up_neither_others_nor_the_stop(house: House) -> None:
    async def handle(recorded: Recorded[Event]) -> None:
        if recorded.position.offset == 0:
            raise TryLater("object storage is down", after=60)
        await house.handle(recorded)

    await house.send(*uploads(range(50)))
    async with house.consuming(handle, pace=replace(PACE, grace=30.0)) as (task, stop):
        await until(lambda: len(house.handled) == 49)
        began = time.monotonic()
        stop.set()
        await task
    assert time.monotonic() - began < 15
    assert await house.committed() == [0]


async def test_a_stop_waits_for_what_is_in_hand_takes_nothing_more_and_commits(house: House) -> None:
    begun: list[int] = []

    async def handle(recorded: Recorded[Event]) -> None:
        begun.append(recorded.position.offset)
        await asyncio.sleep(0.5)
        await house.handle(recorded)

    await house.send(*uploads(range(100)))
    async with house.consuming(handle, window=4) as (task, stop):
        await until(lambda: len(begun) > 4)
        stop.set()
        await task
    assert len(house.handled) == len(begun) < 12
    assert await house.committed() == [len(begun)]


@pytest.mark.parametrize("seconds", [0.0, 0.3, 1.1])
async def test_a_consumer_can_be_stopped_while_it_starts(house: House, seconds: float) -> None:
    async with house.consuming() as (task, stop):
        await asyncio.sleep(seconds)
        stop.set()
        await asyncio.wait_for(task, 8)


async def test_no_more_messages_are_in_hand_than_the_window_says(wide: House) -> None:
    busy, most = 0, 0

    async def handle(recorded: Recorded[Event]) -> None:
        nonlocal busy, most
        busy, most = busy + 1, max(most, busy + 1)
        await asyncio.sleep(0.005)
        busy -= 1
        await wide.handle(recorded)

    await wide.send(*uploads(range(300)))
    async with wide.consuming(handle, window=5):
        await until(lambda: len(wide.handled) == 300)
    assert most == 5


async def test_messages_of_one_key_are_handled_one_after_the_other(house: House) -> None:
    busy: set[object] = set()

    async def handle(recorded: Recorded[Event]) -> None:
        assert recorded.event.image_id not in busy
        busy.add(recorded.event.image_id)
        await asyncio.sleep(0.01)
        busy.remove(recorded.event.image_id)
        await house.handle(recorded)

    await house.send(*[events.message(events.updated(uid(number % 3)), number) for number in range(60)])
    async with house.consuming(handle) as (task, _):
        await until(lambda: len(house.handled) == 60 or task.done())
        assert not task.done()
    for image in range(3):
        mine = [offset for _, offset in house.handled if offset % 3 == image]
        assert mine == sorted(mine)


async def test_a_second_consumer_takes_its_share_and_nothing_is_done_twice(wide: House) -> None:
    async def handle(recorded: Recorded[Event]) -> None:
        await asyncio.sleep(0.02)
        await wide.handle(recorded)

    await wide.send(*uploads(range(1500)))
    async with wide.consuming(handle) as (first, _):
        await until(lambda: len(wide.handled) > 300)
        async with wide.consuming(handle) as (second, stop):
            await until(lambda: len(wide.handled) > 900)
            stop.set()
            await second
            await until(lambda: len(set(wide.handled)) == 1500)
            assert not first.done()
    assert len(wide.handled) == 1500


async def test_a_message_that_waits_for_a_dependency_is_handed_over_with_its_partition(wide: House) -> None:
    down = True

    async def handle(recorded: Recorded[Event]) -> None:
        if down and recorded.position.offset == 0:
            raise TryLater("object storage is down", after=60)
        await wide.handle(recorded)

    await wide.send(*uploads(range(300)))
    async with wide.consuming(handle), wide.consuming(handle):
        await until(lambda: len(set(wide.handled)) == 294)
        down = False
        async with wide.consuming(handle):
            await until(lambda: len(set(wide.handled)) == 300)


async def test_partitions_that_come_back_in_the_same_generation_are_read_on(
    wide: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So Kafka answers who follows and joins once more, as after a commit that was refused in a rebalance."""
    members: list[Member] = []
    join = Member._join

    async def joined(self: Member) -> None:
        members.append(self)
        await join(self)

    async def rejoined(member: Member) -> bool:
        """Whether it is in the generation that it was in."""
        before, generation, thread = member._assignment, member._app.consumer_generation_id, member._app.fetched._thread
        thread.thread_loop.call_soon_threadsafe(thread._consumer._coordinator.request_rejoin)
        await until(lambda: member._assignment not in (None, before) and not member._app.rebalancing)
        return generation == member._app.consumer_generation_id

    monkeypatch.setattr(Member, "_join", joined)
    async with wide.consuming(), wide.consuming():
        await wide.send(*uploads(range(60)))
        await until(lambda: len(set(wide.handled)) == 60)
        await until(lambda: all(len(one._app.consumer.assignment()) == 3 for one in members))
        same = [await rejoined(one) for one in members]
        assert any(same)
        await wide.send(*uploads(range(60, 120)))
        await until(lambda: len(set(wide.handled)) == 120, within=10)


async def test_a_consumer_that_hangs_altogether_ends_so_that_another_can_begin(house: House) -> None:
    async def handle(recorded: Recorded[Event]) -> None:
        await asyncio.Event().wait()

    await house.send(*uploads(range(3)))
    async with house.consuming(handle, pace=replace(PACE, stuck=3.0)) as (task, _):
        with pytest.raises(Stuck):
            await asyncio.wait_for(task, 20)
    assert await house.committed() == [0]


async def test_a_consumer_that_is_handed_nothing_ends_sooner(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    async def deaf(*_: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(Member, "_act", deaf)
    await house.send(*uploads(range(3)))
    async with house.consuming(house.handle, pace=replace(PACE, starved=2.0)) as (task, _):
        with pytest.raises(Stuck, match="brings nothing after 0, for 2 s"):
            await asyncio.wait_for(task, 20)


async def test_a_consumer_is_not_stuck_while_a_dependency_is_down_or_nothing_is_to_do(house: House) -> None:
    down = True

    async def handle(recorded: Recorded[Event]) -> None:
        if down:
            raise TryLater("object storage is down", after=0.5)
        await house.handle(recorded)

    async with house.consuming(handle, pace=replace(PACE, stuck=3.0)) as (task, stop):
        await asyncio.sleep(5)
        await house.send(*uploads(range(3)))
        await asyncio.sleep(5)
        down = False
        await until(lambda: len(house.handled) == 3)
        stop.set()
        await task
