"""Two streams in the order of one key, walked together: as much of them is in memory as one step needs."""

from collections.abc import AsyncIterable, AsyncIterator, Callable
from typing import TypeVar

Left = TypeVar("Left")
Right = TypeVar("Right")


async def beside(
    left: AsyncIterable[Left],
    right: AsyncIterable[Right],
    left_key: Callable[[Left], str],
    right_key: Callable[[Right], str],
) -> AsyncIterator[tuple[Left, Right | None]]:
    """Each of `left` with the first of `right` that has its key, None where there is none.

    Both must come in the order of their keys, by code point; several may have the same one. Raises OutOfOrder, as
    far as they are read.
    """
    others = aiter(in_order(right, right_key))
    other = await anext(others, None)
    async for one in in_order(left, left_key):
        while other is not None and right_key(other) < left_key(one):
            other = await anext(others, None)
        yield one, other if other is not None and right_key(other) == left_key(one) else None


class OutOfOrder(Exception):
    """A stream that a merge cannot be trusted with."""


async def in_order(stream: AsyncIterable[Left], key: Callable[[Left], str]) -> AsyncIterator[Left]:
    """The same, checked: what is out of order would be taken for missing. Raises OutOfOrder."""
    last = ""
    async for one in stream:
        if key(one) < last:
            raise OutOfOrder(f"{key(one)} comes after {last}")
        last = key(one)
        yield one


async def batches(stream: AsyncIterable[Left], most: int) -> AsyncIterator[list[Left]]:
    batch: list[Left] = []
    async for one in stream:
        batch.append(one)
        if len(batch) == most:
            yield batch
            batch = []
    if batch:
        yield batch
