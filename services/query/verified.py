"""Bytes that are known to be the right ones: nobody is sent a whole object that is not what its hash says."""

import asyncio
import hashlib
import logging
from collections import OrderedDict, deque
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing, asynccontextmanager, contextmanager

from adapters.metrics import CORRUPT_OBJECTS
from adapters.objects import ObjectMissing, Objects
from adapters.stored import Damaged, damage_told, opened
from contracts.events import TryLater
from contracts.problems import Problem

HELD_BACK = 8 * 1024 * 1024
"""Bytes that are kept until the hash is known: a client never has all of a wrong object."""
SMALL = HELD_BACK // 16
REMEMBERED = 10_000
"""Objects that are known to have been whole when they were last written, by the store's own ETag."""

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
        self._whole: OrderedDict[str, str] = OrderedDict()

    async def whole(self, key: str, size: int, sha256: str) -> Chunks:
        async with self._slot(size), aclosing(self._checked(key, size, sha256)) as chunks:
            async for chunk in chunks:
                yield chunk

    async def part(self, key: str, size: int, sha256: str, first: int, last: int) -> Chunks:
        """The bytes from `first` to `last`, both included, of an object that has been read whole since it was last
        written; since then the store's own checksums guard it."""
        while True:
            if key not in self._whole:
                await self._read_whole(key, size, sha256)
            with _wrong_is_corrupt(key):
                async with damage_told(self._objects, key), opened(self._objects, key, first, last) as found:
                    if found.etag == self._whole.get(key):
                        async for chunk in found.chunks:
                            yield chunk
                        return
            self._whole.pop(key, None)  # somebody has put it again meanwhile

    async def _read_whole(self, key: str, size: int, sha256: str) -> None:
        async with aclosing(self.whole(key, size, sha256)) as chunks:
            async for _ in chunks:
                pass

    async def _checked(self, key: str, size: int, sha256: str) -> Chunks:
        digest, held, kept = hashlib.sha256(), deque[bytes](), 0
        with _wrong_is_corrupt(key):
            async with damage_told(self._objects, key), opened(self._objects, key) as found:
                _check(key, "size", found.size, size)
                async for chunk in found.chunks:
                    digest.update(chunk)
                    held.append(chunk)
                    kept += len(chunk)
                    while kept - len(held[0]) >= HELD_BACK:
                        kept -= len(held[0])
                        yield held.popleft()
        _check(key, "SHA-256", digest.hexdigest(), sha256)
        self._remember(key, found.etag)
        while held:
            yield held.popleft()

    def _remember(self, key: str, etag: str) -> None:
        self._whole[key] = etag
        if len(self._whole) > REMEMBERED:
            self._whole.popitem(last=False)

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
def _wrong_is_corrupt(key: str) -> Iterator[None]:
    try:
        yield
    except ObjectMissing:
        raise _corrupt(key, "the stored object is gone") from None
    except Damaged as damaged:
        raise _corrupt(key, str(damaged)) from None


def _check(key: str, what: str, found: object, expected: object) -> None:
    if found != expected:
        raise _corrupt(key, f"the stored object's {what} is {found}, not {expected}")


def _corrupt(key: str, detail: str) -> Problem:
    CORRUPT_OBJECTS.inc()
    log.error("corrupt object", extra={"key": key, "detail": detail})
    return Problem("corrupt-object", "object storage does not hold the bytes that were stored")
