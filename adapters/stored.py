"""Reading an object wherever the house keeps it, and telling one that is damaged from a store that is down."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from adapters.objects import ObjectMissing, Objects, Opened, Unreadable
from contracts import ids
from contracts.events import TryLater

PAUSE_SECONDS = 0.2


class Damaged(Exception):
    """The store has the object, and cannot give its bytes: they do not fit its own checksums. One line."""


@asynccontextmanager
async def opened(objects: Objects, key: str, first: int = 0, last: int | None = None) -> AsyncIterator[Opened]:
    """Like `Objects.open`; what a sweep has put aside at the moment somebody came to name it is found there."""
    async with AsyncExitStack() as stack:
        try:
            found = await stack.enter_async_context(objects.open(key, first, last))
        except ObjectMissing:
            found = await _aside(stack, objects, key, first, last)
        yield found


@asynccontextmanager
async def damage_told(objects: Objects, key: str) -> AsyncIterator[None]:
    """While an object is read: raises Damaged where that is why it cannot be."""
    try:
        yield
    except Unreadable as error:
        if await _is_damaged(objects, key):
            raise Damaged(f"the store has {key}, and cannot read it") from error
        raise


async def get(objects: Objects, key: str) -> bytes:
    """All of it. Raises ObjectMissing, Damaged, TryLater."""
    async with damage_told(objects, key), opened(objects, key) as found:
        return b"".join([chunk async for chunk in found.chunks])


async def _aside(stack: AsyncExitStack, objects: Objects, key: str, first: int, last: int | None) -> Opened:
    try:
        return await stack.enter_async_context(objects.open(ids.quarantine_key(key), first, last))
    except ObjectMissing:
        raise ObjectMissing(key) from None


async def _is_damaged(objects: Objects, key: str) -> bool:
    """Whether a store that knows the object breaks off in the same place, twice. One that is down or busy would not."""
    places = set()
    for _ in range(2):
        await asyncio.sleep(PAUSE_SECONDS)
        try:
            places.add(await _breaks_off(objects, key))
        except (TryLater, ObjectMissing):
            return False
    return len(places) == 1 and None not in places


async def _breaks_off(objects: Objects, key: str) -> int | None:
    """After so many bytes; None where it does not."""
    where, received = await _where(objects, key), 0
    try:
        async with objects.open(where) as found:
            async for chunk in found.chunks:
                received += len(chunk)
    except Unreadable:
        return received
    return None


async def _where(objects: Objects, key: str) -> str:
    try:
        await objects.stat(key)
    except ObjectMissing:
        await objects.stat(ids.quarantine_key(key))
        return ids.quarantine_key(key)
    return key
