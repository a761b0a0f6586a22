"""An account's own events: all of them, once, and those of an image in their order."""

import asyncio
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from uuid import UUID

from psycopg.rows import DictRow

from adapters.fresh import Fresh
from adapters.read_model import ReadModel
from contracts.codec import read
from contracts.events import Json, Position, TryLater
from contracts.resources.details import details
from contracts.resources.images import time
from contracts.topics import ANALYSES
from services.query.bell import stands
from services.query.places import ASKING, ORDER, PARTITIONS, Place, word

CAUSE_SECONDS = 1.0
"""How long an outcome waits for its cause, where the read model has got further in the outcome's partition."""

# One writer per partition makes its rows visible in the order of their offsets: nothing comes later below the last one.
AFTER = f"""
WITH own AS MATERIALIZED (
    SELECT event.* FROM unnest(%(topics)s::text[], %(partitions)s::int[], %(offsets)s::bigint[]) AS at (name, nr, next)
    CROSS JOIN LATERAL (
        SELECT event_id, type, topic, partition, "offset", append_time, request_id, causation_id, actor, image_id,
            version, reason, data
        FROM events WHERE owner = %(account)s AND topic = at.name AND partition = at.nr AND "offset" >= at.next
        ORDER BY "offset" LIMIT %(limit)s
    ) AS event
    ORDER BY {ORDER} LIMIT %(limit)s
)
SELECT own.*,
    topic = '{ANALYSES.name}' AND causation_id IS NOT NULL
        AND NOT EXISTS (SELECT FROM events AS cause WHERE cause.event_id = own.causation_id) AS early
FROM own ORDER BY {ORDER}
"""


@dataclass(frozen=True, slots=True)
class Told:
    """Some of an account's events as the API shows them, each with the `id` to go on after it; and where that is."""

    items: list[dict[str, Json]]
    place: Place
    more: bool


class Feed:
    """Raises TryLater while Postgres is down."""

    def __init__(self, read_model: ReadModel, fresh: Fresh) -> None:
        self._read_model = read_model
        self._fresh = fresh

    async def now(self) -> Place:
        """Where the read model has got to."""
        return await stands(self._read_model)

    async def after(self, account: str, place: Place, limit: int) -> Told:
        """The first events of an account after a place."""
        rows = await self._rows(account, place, limit)
        early = {row["event_id"] for row in rows if row["early"]}
        excused: set[UUID] = set()
        if early and await self._caught_up():  # what caused them is there by now, or nobody could read it
            rows, excused = await self._rows(account, place, limit), early
        items, at = [], dict(place)
        for row in _in_order(rows, excused):
            at[row["topic"], row["partition"]] = row["offset"] + 1
            items.append({"id": word(at, account), **_shown(row)})
        return Told(items, at, more=bool(items) and len(rows) == limit)

    async def _rows(self, account: str, place: Place, limit: int) -> list[DictRow]:
        topics, partitions = zip(*PARTITIONS, strict=True)
        offsets = [place.get(one, 0) for one in PARTITIONS]
        asked = {"account": account, "topics": list(topics), "partitions": list(partitions), "offsets": offsets}
        return await self._read_model.rows(AFTER, {**asked, "limit": limit})

    async def _caught_up(self) -> bool:
        """Whether the read model comes to hold all causes of analyses that the log holds now."""
        try:
            return all(await asyncio.gather(*(self._fresh.caught_up(topic, CAUSE_SECONDS) for topic in ASKING)))
        except TryLater:
            return False


def _in_order(rows: Sequence[DictRow], excused: Collection[UUID]) -> Iterator[DictRow]:
    """Without what has come before its cause, and what follows that in its partition: it is for the next time."""
    held = set()
    for row in rows:
        at = row["topic"], row["partition"]
        if row["early"] and row["event_id"] not in excused:
            held.add(at)
        if at not in held:
            yield row


def _shown(row: DictRow) -> dict[str, Json]:
    return {
        "event_id": row["event_id"],
        "type": row["type"],
        "time": time(row["append_time"]),
        "actor": row["actor"],
        "position": str(Position(row["topic"], row["partition"], row["offset"])),
        "image_id": row["image_id"],
        "version": row["version"],
        "accepted": row["reason"] is None,
        "reason": row["reason"],
        "request_id": row["request_id"],
        "details": details(row["event_id"], read(row["type"], row["data"])),
    }
