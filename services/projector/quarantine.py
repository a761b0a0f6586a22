"""Where orphans lie until somebody deletes them: what they are, and the way back."""

import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from adapters.objects import Listed, ObjectMissing, Objects
from contracts import ids

logger = logging.getLogger(__name__)

Fate = Literal["orphan", "quarantined", "deleted", "restored", "kept", "unreadable"]


@dataclass(frozen=True, slots=True)
class Orphan:
    """`key` is where the house would look for it, `at` where it lies, since `modified`. `size` is bytes."""

    key: str
    at: str
    size: int
    modified: datetime

    @property
    def picture(self) -> str:
        """The SHA-256 of the picture that it is, or was made of; empty for an upload's temporary object."""
        return ids.picture_of(self.key) or ""


@dataclass(frozen=True, slots=True)
class Done:
    orphan: Orphan
    fate: Fate


async def quarantined(objects: Objects, key: str = "") -> AsyncIterator[Orphan]:
    """All that lies in quarantine, or what has this key."""
    async for one in objects.list(ids.quarantine_key(key)):
        if not key or one.key == ids.quarantine_key(key):
            yield orphan(one)


async def restore(objects: Objects, one: Orphan) -> Done:
    """Back under its key; what has been put there meanwhile stays."""
    try:
        await objects.stat(one.key)
    except ObjectMissing:
        await objects.copy(one.at, one.key, (await objects.stat(one.at)).media_type)
    await objects.delete(one.at)
    return told(Done(one, "restored"))


def orphan(listed: Listed) -> Orphan:
    return Orphan(listed.key.removeprefix(ids.quarantine_key("")), listed.key, listed.size, listed.modified)


def aside(one: Orphan) -> Orphan:
    return Orphan(one.key, ids.quarantine_key(one.key), one.size, one.modified)


def told(done: Done) -> Done:
    """The log of what was moved is kept: nothing disappears without a line."""
    logger.info(done.fate, extra={"key": done.orphan.key, "size": done.orphan.size})
    return done
