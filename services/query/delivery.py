"""Bytes on their way to a client: a corrupted object is never served whole as if it were right."""

import hashlib
from collections import deque
from collections.abc import AsyncIterator

from prometheus_client import Counter

from adapters.objects import ObjectMissing, Objects
from contracts.problems import Problem

HELD_BACK = 8 * 1024 * 1024
CORRUPT = Counter("framelog_corrupt_objects_total", "objects that were missing or not the bytes their name says")


class Corrupt(Problem):
    """The stored object is not what was uploaded. Once bytes have been sent, only a broken connection can say so."""

    def __init__(self, key: str) -> None:
        super().__init__("corrupt-object", "object storage does not hold the bytes that were uploaded")
        self.key = key
        CORRUPT.inc()


async def whole(objects: Objects, key: str, sha256: str, size: int) -> AsyncIterator[bytes]:
    """All bytes of an object. The last 8 MiB are held back until the hash of all is known.

    Raises Corrupt: before the first chunk for objects up to that size, at the latest before the last one.
    """
    digest, held, waiting = hashlib.sha256(), 0, deque[bytes]()
    try:
        async with objects.open(key) as opened:
            if opened.size != size:
                raise Corrupt(key)
            async for chunk in opened.chunks:
                digest.update(chunk)
                waiting.append(chunk)
                held += len(chunk)
                while held - len(waiting[0]) >= HELD_BACK:
                    held -= len(waiting[0])
                    yield waiting.popleft()
    except ObjectMissing:
        raise Corrupt(key) from None
    if digest.hexdigest() != sha256:
        raise Corrupt(key)
    for chunk in waiting:
        yield chunk


async def part(objects: Objects, key: str, first: int, last: int) -> AsyncIterator[bytes]:
    """Some bytes of an object, both ends included; the store's own check is relied on. Raises Corrupt if it is gone."""
    try:
        async with objects.open(key, first, last) as opened:
            if opened.size != last - first + 1:
                raise Corrupt(key)
            async for chunk in opened.chunks:
                yield chunk
    except ObjectMissing:
        raise Corrupt(key) from None


async def at_once(objects: Objects, key: str, sha256: str) -> bytes:
    """A small object in memory. Raises Corrupt."""
    try:
        data = await objects.get(key)
    except ObjectMissing:
        raise Corrupt(key) from None
    if hashlib.sha256(data).hexdigest() != sha256:
        raise Corrupt(key)
    return data


async def begun(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The same chunks, the first of them read already: what is wrong by then can still be answered as a problem."""
    first = await anext(chunks, b"")

    async def all_of_them() -> AsyncIterator[bytes]:
        yield first
        async for chunk in chunks:
            yield chunk

    return all_of_them()
