"""How much all readers of large objects keep back together, against a real store."""

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager

import pytest

from adapters.objects import Objects, Opened
from contracts.events import TryLater
from contracts.problems import Problem
from services.query.verified import HELD_BACK, SMALL, Chunks, VerifiedBytes
from tests.running import Stack

LARGE = os.urandom(HELD_BACK + 1_000_000)


@pytest.fixture
async def objects(stack: Stack, bucket: str) -> AsyncIterator[Objects]:
    async with Objects(stack.s3, stack.s3_access_key, stack.s3_secret_key, bucket, "us-east-1") as objects:
        await objects.put("large", LARGE)
        await objects.put("small", LARGE[:SMALL])
        yield objects


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


async def test_whoever_waits_too_long_for_their_turn_is_sent_away(objects: Objects) -> None:
    stored = VerifiedBytes(objects, HELD_BACK, patience=0.1)
    first = stored.whole("large", len(LARGE), sha256(LARGE))
    await anext(first)
    with pytest.raises(TryLater):
        await anext(stored.whole("large", len(LARGE), sha256(LARGE)))
    small = [chunk async for chunk in stored.whole("small", SMALL, sha256(LARGE[:SMALL]))]
    assert b"".join(small) == LARGE[:SMALL]
    await first.aclose()
    assert b"".join([chunk async for chunk in stored.whole("large", len(LARGE), sha256(LARGE))]) == LARGE


async def test_no_more_is_kept_back_than_is_said(objects: Objects) -> None:
    stored = VerifiedBytes(objects, HELD_BACK)
    chunks = stored.whole("large", len(LARGE), "0" * 64)
    received: list[bytes] = []
    with pytest.raises(Problem):
        await _collect(chunks, received)
    sent = sum(map(len, received))
    assert len(LARGE) - HELD_BACK - 256 * 1024 <= sent <= len(LARGE) - HELD_BACK


async def test_a_turn_that_was_given_up_is_given_on(objects: Objects) -> None:
    stored = VerifiedBytes(objects, HELD_BACK, patience=10)
    first = stored.whole("large", len(LARGE), sha256(LARGE))
    await anext(first)
    waiting = asyncio.create_task(_all(stored))
    await asyncio.sleep(0.05)
    waiting.cancel()
    next_in_line = asyncio.create_task(_all(stored))
    await asyncio.sleep(0.05)
    await first.aclose()
    assert await asyncio.wait_for(next_in_line, 10) == LARGE


async def test_an_object_is_read_whole_before_its_first_part_and_not_again(objects: Objects) -> None:
    counting = Counting(objects)
    stored = VerifiedBytes(counting, HELD_BACK)
    for first in (0, 700_000, len(LARGE) - 1):
        part = stored.part("large", len(LARGE), sha256(LARGE), first, len(LARGE) - 1)
        assert b"".join([chunk async for chunk in part]) == LARGE[first:]
    assert counting.asked == [(0, None), (0, len(LARGE) - 1), (700_000, len(LARGE) - 1), (len(LARGE) - 1,) * 2]


class Counting(Objects):
    """What is asked of a real store."""

    def __init__(self, objects: Objects) -> None:
        self._s3 = objects._s3
        self.asked: list[tuple[int, int | None]] = []

    def open(self, key: str, first: int = 0, last: int | None = None) -> AbstractAsyncContextManager[Opened]:
        self.asked.append((first, last))
        return super().open(key, first, last)


async def _all(stored: VerifiedBytes) -> bytes:
    return b"".join([chunk async for chunk in stored.whole("large", len(LARGE), sha256(LARGE))])


async def _collect(chunks: Chunks, into: list[bytes]) -> None:
    async for chunk in chunks:
        into.append(chunk)
