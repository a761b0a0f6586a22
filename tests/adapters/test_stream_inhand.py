"""Work on messages: order within a key, patience with dependencies, what is left when partitions go. No Kafka."""

import asyncio
import time
from itertools import pairwise

import pytest

from adapters.stream.inhand import InHand
from contracts.events import Record, TryLater
from tests.events import NOON
from tests.waiting import until


def record(offset: int, key: str, partition: int = 0) -> Record:
    topic = "framelog.images"
    return Record(topic=topic, partition=partition, offset=offset, time=NOON, key=key.encode(), value=b"", headers=())


async def over(*tasks: asyncio.Task[None]) -> None:
    async with asyncio.timeout(5):
        await asyncio.gather(*tasks, return_exceptions=True)


async def test_messages_of_one_key_go_one_after_the_other_and_other_keys_beside_them() -> None:
    went: list[str] = []

    async def work(record: Record) -> None:
        went.append(f"{record.offset} begins")
        await asyncio.sleep(0.05 if record.key == b"slow" else 0.01)
        went.append(f"{record.offset} ends")

    hand = InHand("test", work)
    await over(*(hand.start(record(*one), lambda: None) for one in [(0, "slow"), (1, "slow"), (2, "quick")]))
    assert went == ["0 begins", "2 begins", "2 ends", "0 ends", "1 begins", "1 ends"]


async def test_a_dependency_that_is_down_is_asked_again_after_the_time_it_names() -> None:
    asked: list[float] = []

    async def work(record: Record) -> None:
        asked.append(time.monotonic())
        if len(asked) < 3:
            raise TryLater("busy", after=0.2)

    hand, finished = InHand("test", work), []
    task = hand.start(record(0, "a"), lambda: finished.append(0))
    await until(lambda: hand.resting)
    await over(task)
    assert not hand.resting
    assert finished == [0]
    assert [0.2 <= later - sooner < 5 for sooner, later in pairwise(asked)] == [True, True]


async def test_a_message_that_rests_holds_up_its_own_key_alone() -> None:
    async def work(record: Record) -> None:
        if record.offset == 0:
            raise TryLater("down", after=60)

    hand, finished = InHand("test", work), []
    for offset, key in [(0, "a"), (1, "a"), (2, "b"), (3, "c")]:
        hand.start(record(offset, key), lambda offset=offset: finished.append(offset))
    await until(lambda: finished == [2, 3])
    await hand.leave(0)


async def test_an_error_that_is_not_later_is_the_end_and_nothing_is_finished() -> None:
    async def work(record: Record) -> None:
        raise ValueError("a bug")

    hand, finished = InHand("test", work), []
    await over(hand.start(record(0, "a"), lambda: finished.append(0)))
    with pytest.raises(ValueError, match="a bug"):
        hand.failure.result()
    assert finished == []


async def test_leaving_partitions_waits_for_work_drops_what_rests_and_lets_others_be() -> None:
    async def work(record: Record) -> None:
        if record.offset == 1:
            raise TryLater("down", after=60)
        await asyncio.sleep(0.1)

    hand, finished = InHand("test", work), []
    for one in [record(0, "a", 0), record(1, "b", 0), record(2, "c", 1)]:
        hand.start(one, lambda offset=one.offset: finished.append(offset))
    await asyncio.sleep(0.02)
    began = time.monotonic()
    await hand.leave(20, {("framelog.images", 0)})
    assert time.monotonic() - began < 10
    assert finished[0] == 0
    assert not hand.resting
    await hand.leave(5)
    assert sorted(finished) == [0, 2]


async def test_leaving_does_not_wait_longer_than_it_says() -> None:
    async def work(record: Record) -> None:
        await asyncio.Event().wait()

    hand, finished = InHand("test", work), []
    task = hand.start(record(0, "a"), lambda: finished.append(0))
    async with asyncio.timeout(10):
        await hand.leave(0.1)
    assert task.cancelled()
    assert finished == []
    assert not hand.failure.done()
