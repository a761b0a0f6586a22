"""When a consumer stops burying: pure counting, with what came before given."""

import asyncio

import pytest

from adapters.tolerance import WINDOW, Limits, Tolerance, TooManyUndecodable
from contracts.events import Record, Undecodable
from tests.events import NOON


def record(offset: int, partition: int = 0) -> Record:
    return Record(topic="t", partition=partition, offset=offset, time=NOON, key=b"k", value=b"{")


async def refused(tolerance: Tolerance, one: Record) -> bool:
    try:
        await tolerance.refuse_too_many(one, Undecodable("malformed", "", one.position))
    except TooManyUndecodable:
        return True
    return False


def after(*before: bool, run: int = 3, ratio: float = 1.0) -> Tolerance:
    async def look_back(_: Record) -> list[bool]:
        return list(before)

    return Tolerance(Limits(run, ratio), look_back)


@pytest.mark.parametrize("before", [(False, False), (True, False, False)])
async def test_a_run_that_began_before_the_start_is_refused_at_once(before: tuple[bool, ...]) -> None:
    assert await refused(after(*before), record(9))


async def test_a_readable_record_ends_a_run() -> None:
    tolerance = after(False)
    assert not await refused(tolerance, record(1))
    tolerance.was_read(record(2))
    assert not await refused(tolerance, record(3))
    assert not await refused(tolerance, record(4))
    assert await refused(tolerance, record(5))


async def test_partitions_are_counted_apart() -> None:
    tolerance = after()
    assert not any([await refused(tolerance, record(0, partition)) for partition in range(10)])


async def test_more_than_half_of_the_last_thousand_is_too_much() -> None:
    half = [True, False] * (WINDOW // 2)
    assert await refused(after(*half, ratio=0.5, run=10), record(WINDOW))
    assert not await refused(after(*half[::-1], ratio=0.5, run=10), record(WINDOW))
    assert not await refused(after(*half[2:], ratio=0.5, run=10), record(WINDOW))


async def test_what_is_read_while_one_looks_back_ends_a_run_too() -> None:
    looking = asyncio.Event()

    async def look_back(_: Record) -> list[bool]:
        await looking.wait()
        return [False]

    tolerance = Tolerance(Limits(3), look_back)
    first = asyncio.create_task(refused(tolerance, record(1)))
    await asyncio.sleep(0)
    tolerance.was_read(record(2))
    later = [asyncio.create_task(refused(tolerance, record(offset))) for offset in (3, 4, 5)]
    await asyncio.sleep(0)
    looking.set()
    assert await asyncio.gather(first, *later) == [False, False, False, True]


async def test_who_could_not_look_back_counts_anew_when_the_record_comes_again() -> None:
    answers: list[list[bool] | None] = [None, [False]]

    async def look_back(_: Record) -> list[bool]:
        if (found := answers.pop(0)) is None:
            raise ConnectionError
        return found

    tolerance = Tolerance(Limits(3), look_back)
    with pytest.raises(ConnectionError):
        await refused(tolerance, record(1))
    assert not await refused(tolerance, record(1))
    assert await refused(tolerance, record(2))
