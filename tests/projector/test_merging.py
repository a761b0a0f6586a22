"""Two streams side by side: every item with its partner, in one pass, with no more read than is needed."""

from collections.abc import AsyncIterator, Sequence
from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as some

from services.projector.merging import OutOfOrder, batches, beside

Pair = tuple[str, int]
KEYS = some.lists(some.text("ab", max_size=3))


async def stream(pairs: Sequence[Pair], read: list[Pair] | None = None) -> AsyncIterator[Pair]:
    for pair in pairs:
        if read is not None:
            read.append(pair)
        yield pair


def numbered(keys: Sequence[str]) -> list[Pair]:
    return [(key, number) for number, key in enumerate(sorted(keys))]


def key(pair: Pair) -> str:
    return pair[0]


@given(KEYS, KEYS)
async def test_each_is_beside_the_first_of_its_key_and_none_is_left_out(left: list[str], right: list[str]) -> None:
    lefts, rights = numbered(left), numbered(right)
    first = dict(reversed(rights))
    found = [pair async for pair in beside(stream(lefts), stream(rights), key, key)]
    assert [one for one, _ in found] == lefts
    assert [other and other[1] for _, other in found] == [first.get(key(one)) for one, _ in found]


async def test_no_more_is_read_than_one_step_needs() -> None:
    pairs, read_left, read_right = numbered([f"{number:03}" for number in range(500)]), list[Pair](), list[Pair]()
    walk = beside(stream(pairs, read_left), stream(pairs, read_right), key, key)
    for number in range(10):
        await anext(walk)
        assert len(read_left) <= number + 2
        assert len(read_right) <= number + 2


@pytest.mark.parametrize("wrong", ["left", "right"])
async def test_what_is_out_of_order_is_never_taken_for_missing(wrong: str) -> None:
    right, left = numbered(["a", "b", "c"]), numbered(["a", "b", "c"])
    (left if wrong == "left" else right).insert(0, ("b", 9))
    with pytest.raises(OutOfOrder):
        _ = [pair async for pair in beside(stream(left), stream(right), key, key)]


async def test_batches_hold_everything_and_none_is_empty() -> None:
    for count in (0, 1, 3, 4, 9):
        pairs = numbered(["a"] * count)
        found = [batch async for batch in batches(stream(pairs), 3)]
        assert list(chain.from_iterable(found)) == pairs
        assert all(0 < len(batch) <= 3 for batch in found)
