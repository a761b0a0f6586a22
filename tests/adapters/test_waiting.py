"""One question for many: who shares an answer, and who hears of a failure."""

import asyncio
from collections.abc import Collection

import pytest

from adapters.waiting import Together
from contracts.events import TryLater


class Asked:
    """Answers every even number with its square, once told to."""

    def __init__(self) -> None:
        self.questions: list[list[int]] = []
        self.go = asyncio.Event()
        self.error: Exception | None = None

    async def __call__(self, keys: Collection[int]) -> dict[int, int]:
        self.questions.append(sorted(keys))
        await self.go.wait()
        if self.error:
            raise self.error
        return {key: key * key for key in keys if key % 2 == 0}


async def test_who_comes_while_a_question_is_under_way_shares_the_next() -> None:
    asked = Asked()
    together: Together[int, int] = Together(asked)
    first = asyncio.gather(together.of(2), together.of(3))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    second = asyncio.gather(together.of(2), together.of(4), together.of(4))
    await asyncio.sleep(0)
    asked.go.set()
    assert await first == [4, None]
    assert await second == [4, 16, 16]
    assert asked.questions == [[2, 3], [2, 4]]


async def test_a_failed_question_fails_those_who_asked_it_and_no_others() -> None:
    asked = Asked()
    together: Together[int, int] = Together(asked)
    asked.go.set()
    asked.error = TryLater("down")
    with pytest.raises(TryLater):
        await together.of(2)
    asked.error = None
    assert await together.of(2) == 4


async def test_who_gives_up_takes_no_answer_from_the_others() -> None:
    asked = Asked()
    together: Together[int, int] = Together(asked)
    impatient, patient = asyncio.create_task(together.of(2)), asyncio.create_task(together.of(2))
    await asyncio.sleep(0.01)
    impatient.cancel()
    asked.go.set()
    assert await patient == 4
    assert impatient.cancelled()
