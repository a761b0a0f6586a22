import asyncio

import pytest

from contracts.problems import Problem
from services.ingest.budget import Budget


async def hold(budget: Budget, amount: int, until: asyncio.Event, order: list[int], name: int) -> None:
    async with budget.reserve(amount):
        order.append(name)
        await until.wait()


async def test_who_comes_first_is_served_first_whatever_they_ask_for() -> None:
    budget, go, order = Budget(10), asyncio.Event(), list[int]()
    first = asyncio.create_task(hold(budget, 8, go, order, 0))
    await asyncio.sleep(0)
    rest = [asyncio.create_task(hold(budget, amount, go, order, name)) for name, amount in enumerate((9, 1, 1), 1)]
    await asyncio.sleep(0)
    assert order == [0]
    go.set()
    await asyncio.gather(first, *rest)
    assert order == [0, 1, 2, 3]


async def test_who_waits_too_long_is_refused_and_holds_nobody_up() -> None:
    budget, go, order = Budget(10, patience=0.05), asyncio.Event(), list[int]()
    first = asyncio.create_task(hold(budget, 8, go, order, 0))
    await asyncio.sleep(0)
    second = asyncio.create_task(hold(budget, 9, go, order, 1))
    await asyncio.sleep(0.03)
    third = asyncio.create_task(hold(budget, 2, go, order, 2))
    with pytest.raises(Problem) as refused:
        await second
    assert (refused.value.type.status, refused.value.headers["Retry-After"]) == (503, "5")
    await asyncio.sleep(0)
    assert order == [0, 2]
    go.set()
    await asyncio.gather(first, third)
    async with budget.reserve(10):
        pass


async def test_who_leaves_while_waiting_takes_nothing_along() -> None:
    budget, go = Budget(10), asyncio.Event()
    first = asyncio.create_task(hold(budget, 10, go, [], 0))
    await asyncio.sleep(0)
    waiting = [asyncio.create_task(hold(budget, 10, go, [], 1)) for _ in range(3)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    waiting[1].cancel()
    go.set()
    await asyncio.gather(first, *waiting, return_exceptions=True)
    async with budget.reserve(10):
        pass


async def test_who_leaves_in_the_moment_of_their_turn_gives_it_back() -> None:
    budget = Budget(10)
    async with budget.reserve(10):
        second = asyncio.create_task(hold(budget, 10, asyncio.Event(), [], 1))
        await asyncio.sleep(0)
    second.cancel()
    await asyncio.gather(second, return_exceptions=True)
    async with asyncio.timeout(10), budget.reserve(10):
        pass


async def test_an_upload_larger_than_all_there_is_may_have_all_there_is() -> None:
    async with Budget(10).reserve(1000):
        pass


async def test_a_queue_that_is_too_long_is_refused_at_once() -> None:
    budget, go = Budget(10, patience=60, most_waiting=2), asyncio.Event()
    waiting = [asyncio.create_task(hold(budget, 10, go, [], 0)) for _ in range(3)]
    await asyncio.sleep(0)
    with pytest.raises(Problem):
        await hold(budget, 1, go, [], 9)
    go.set()
    await asyncio.gather(*waiting)
