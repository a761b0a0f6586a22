"""Every row has its object: of the right size and, read from end to end, with the right SHA-256."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Literal

from adapters.objects import Listed, ObjectMissing, Objects
from adapters.stored import Damaged, damage_told
from contracts import ids
from services.projector.merging import batches, beside
from services.projector.naming import Expected, Look
from services.projector.orphans import OF_PICTURES

AT_ONCE = 16
READ_AT_ONCE = 4

What = Literal["missing", "quarantined", "size", "sha256", "unreadable"]


@dataclass(frozen=True, slots=True)
class Finding:
    """An object that is not as a row says. `found` is None where nothing is there, or nothing that can be read."""

    what: What
    key: str
    expected: int | str
    found: int | str | None
    image: str | None


async def check(look: Look, objects: Objects, deep: bool) -> AsyncIterator[tuple[Expected, Finding | None]]:
    """Every object that a row names, in the order of keys, and what is wrong with it. `deep` reads all of each.

    Raises TryLater while the store is down.
    """
    listed = beside(look.expected(), _listed(objects), lambda row: row.key, lambda one: one.key)
    async for batch in batches(listed, READ_AT_ONCE if deep else AT_ONCE):
        findings = await asyncio.gather(*(_judged(objects, row, found, deep) for row, found in batch))
        for (row, _), finding in zip(batch, findings, strict=True):
            yield row, finding


async def _listed(objects: Objects) -> AsyncIterator[Listed]:
    for prefix in OF_PICTURES:
        async for one in objects.list(prefix):
            yield one


async def _judged(objects: Objects, row: Expected, listed: Listed | None, deep: bool) -> Finding | None:
    """What the listing does not have as it should be is asked for by itself: it may have been put again since."""
    if (listed is None or listed.size != row.size) and (finding := await _stated(objects, row)):
        return finding
    return await _read(objects, row) if deep else None


async def _stated(objects: Objects, row: Expected) -> Finding | None:
    try:
        found = await objects.stat(row.key)
    except ObjectMissing:
        aside = await _is_there(objects, ids.quarantine_key(row.key))
        return _finding("quarantined" if aside else "missing", row, row.size, None)
    return None if found.size == row.size else _finding("size", row, row.size, found.size)


async def _is_there(objects: Objects, key: str) -> bool:
    try:
        await objects.stat(key)
    except ObjectMissing:
        return False
    return True


async def _read(objects: Objects, row: Expected) -> Finding | None:
    digest = hashlib.sha256()
    try:
        async with damage_told(objects, row.key), objects.open(row.key) as opened:
            async for chunk in opened.chunks:
                digest.update(chunk)
    except ObjectMissing:
        return await _stated(objects, row)
    except Damaged:
        return _finding("unreadable", row, row.sha256, None)
    found = digest.hexdigest()
    return None if found == row.sha256 else _finding("sha256", row, row.sha256, found)


def _finding(what: What, row: Expected, expected: int | str, found: int | str | None) -> Finding:
    return Finding(what, row.key, expected, found, row.image)
