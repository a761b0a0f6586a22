"""Bytes that are known to be the right ones: nobody is sent a whole object that is not what its hash says."""

import asyncio
import hashlib
import logging
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing, asynccontextmanager, contextmanager

from prometheus_client import Counter

from adapters.objects import ObjectMissing, Objects
from contracts.events import TryLater
from contracts.problems import Problem

HELD_BACK = 8 * 1024 * 1024
"""Bytes that are kept until the hash is known: a client never has all of a wrong object."""
SMALL = HELD_BACK // 16
CORRUPT = Counter("framelog_corrupt_objects_total", "objects that were gone or not the bytes their name says")

Chunks = AsyncGenerator[bytes, None]
log = logging.getLogger(__name__)


class VerifiedBytes:
    """Reads objects. `held` bounds, in bytes, what all readers of larger objects keep back together.

    Every generator raises the Problem `corrupt-object` for an object that is gone or other than it should be, where it
    can before its first chunk; TryLater while the store is down or too many wait.
    """

    def __init__(self, objects: Objects, held: int, patience: float = 10.0) -> None:
        self._objects = objects
        self._slots = asyncio.Semaphore(max(1, held // HELD_BACK))
        self._patience = patience

    async def whole(self, key: str, size: int, sha256: str) -> Chunks:
        async with self._slot(size), aclosing(self._checked(key, size, sha256)) as chunks:
            async for chunk in chunks:
                yield chunk

    async def part(self, key: str, first: int, last: int) -> Chunks:
        """The bytes from `first` to `last`, both included, as the store itself checks them."""
        with _missing_is_corrupt(key):
            async with self._objects.open(key, first, last) as opened:
                async for chunk in opened.chunks:
                    yield chunk

    async def _checked(self, key: str, size: int, sha256: str) -> Chunks:
        digest, held, kept = hashlib.sha256(), deque[bytes](), 0
        with _missing_is_corrupt(key):
            async with self._objects.open(key) as opened:
                _check(key, "size", opened.size, size)
                async for chunk in opened.chunks:
                    digest.update(chunk)
                    held.append(chunk)
                    kept += len(chunk)
                    while kept - len(held[0]) >= HELD_BACK:
                        kept -= len(held[0])
                        yield held.popleft()
        _check(key, "SHA-256", digest.hexdigest(), sha256)
        while held:
            yield held.popleft()

    @asynccontextmanager
    async def _slot(self, size: int) -> AsyncIterator[None]:
        """Small objects pass: what they keep back is little, and for a moment."""
        if size <= SMALL:
            yield
            return
        try:
            async with asyncio.timeout(self._patience):
                await self._slots.acquire()
        except TimeoutError:
            raise TryLater("too many large images are being read", after=5) from None
        try:
            yield
        finally:
            self._slots.release()


@contextmanager
def _missing_is_corrupt(key: str) -> Iterator[None]:
    try:
        yield
    except ObjectMissing:
        raise _corrupt(key, "the stored object is gone") from None


def _check(key: str, what: str, found: object, expected: object) -> None:
    if found != expected:
        raise _corrupt(key, f"the stored object's {what} is {found}, not {expected}")


def _corrupt(key: str, detail: str) -> Problem:
    CORRUPT.inc()
    log.error("corrupt object", extra={"key": key, "detail": detail})
    return Problem("corrupt-object", "object storage does not hold the bytes that were stored")
