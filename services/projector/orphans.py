"""Objects that nothing in the log names: found, put aside, deleted from there, or brought back.

Putting aside is safe at any moment: reads fall back to where it lies (adapters/stored.py), whoever uploads the same
bytes puts them anew, and what turns out to be named is brought back. Deleting is for what lay aside for so long that no
upload which began before can be under way.
"""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime

from psycopg import AsyncConnection

from adapters.objects import ObjectMissing, Objects, Unreadable
from contracts import ids
from services.projector.merging import batches, beside
from services.projector.naming import Look
from services.projector.quarantine import Done, Fate, Orphan, aside, orphan, restore, told

AT_ONCE = 100
OF_PICTURES = ("derived/", "originals/")
UPLOADS = "uploads/"
REMEMBER = """
INSERT INTO unlogged.orphans (objects) VALUES (%s)
ON CONFLICT (the_one) DO UPDATE SET objects = excluded.objects, looked_at = now()
"""


class Sweep:
    """Of one bucket, with what one look has seen. What was written at or after `before` is left alone."""

    def __init__(self, look: Look, objects: Objects, before: datetime) -> None:
        self._look = look
        self._objects = objects
        self._before = before

    async def orphans(self) -> AsyncIterator[Orphan]:
        """What nobody named when the look was taken, in the order of keys."""
        for prefix in OF_PICTURES:
            async for one, named in self._judged(prefix):
                if named is None and one.modified < self._before:
                    yield one
        async for batch in batches(self._lying(UPLOADS), AT_ONCE):
            offered = await self._look.offered([one.key for one in batch])
            for one in batch:
                if one.key not in offered and one.modified < self._before:
                    yield one

    async def quarantine(self) -> AsyncIterator[Done]:
        """Each looked at again right before it is moved, and once more after. Raises Lagging."""
        async for batch in batches(self.orphans(), AT_ONCE):
            named = await self._named(batch)
            moved = []
            for one in batch:
                done = Done(one, "kept" if one.key in named else await self._put_aside(one))
                moved += [one] if done.fate == "quarantined" else []
                yield told(done)
            named = await self._named(moved)
            for one in moved:
                if one.key in named:
                    yield await restore(self._objects, aside(one))

    async def delete(self) -> AsyncIterator[Done]:
        """Of what lies in quarantine, all that lies there long enough; what is named by now is brought back."""
        for prefix in OF_PICTURES:
            async for judged in batches(self._judged(prefix, aside=True), AT_ONCE):
                named = await self._named([one for one, _ in judged])
                for one, before in judged:
                    if before is not None or one.key in named:
                        yield await restore(self._objects, one)
                    elif one.modified < self._before:
                        yield told(await self._delete(one))
        async for one in self._lying(UPLOADS, aside=True):
            if one.modified < self._before:
                yield told(await self._delete(one))

    async def _judged(self, prefix: str, aside: bool = False) -> AsyncIterator[tuple[Orphan, str | None]]:
        lying = self._lying(prefix, aside)
        async for one, named in beside(lying, self._look.pictures(), lambda one: one.picture, lambda picture: picture):
            yield one, named

    async def _lying(self, prefix: str, aside: bool = False) -> AsyncIterator[Orphan]:
        """What the house itself may have put under a prefix: anything else in the bucket is not for us to judge."""
        async for one in self._objects.list(ids.quarantine_key(prefix) if aside else prefix):
            found = orphan(one)
            if found.picture or prefix == UPLOADS:
                yield found

    async def _named(self, some: Sequence[Orphan]) -> set[str]:
        """The keys of those that somebody names as of now."""
        if not some:
            return set()
        pictures = await self._look.since({one.picture for one in some})
        offered = await self._look.offered([one.key for one in some])
        return {one.key for one in some if one.picture in pictures or one.key in offered}

    async def _put_aside(self, one: Orphan) -> Fate:
        try:
            found = await self._objects.stat(one.at)
            if found.modified >= self._before:
                return "kept"
            await self._objects.copy(one.at, ids.quarantine_key(one.key), found.media_type)
        except ObjectMissing:
            return "kept"
        except Unreadable:
            return "unreadable"
        await self._objects.delete(one.at)
        return "quarantined"

    async def _delete(self, one: Orphan) -> Done:
        await self._objects.delete(one.at)
        return Done(one, "deleted")


async def remember(postgres: str, objects: int) -> None:
    """So many orphans are left, as of now: the API tells it, as who has looked ends."""
    async with await AsyncConnection.connect(postgres, autocommit=True) as connection:
        await connection.execute(REMEMBER, (objects,))
