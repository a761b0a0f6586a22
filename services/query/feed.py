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
from contracts.topics import ANALYSES, DEAD_LETTERS
from services.query.bell import stands
from services.query.places import ASKING, ORDER, PARTITIONS, RELEASED, WITHIN, Place, at_end, word

CAUSE_SECONDS = 1.0
"""How long an outcome waits for its cause, where the read model has got further in the outcome's partition."""

# One writer per partition makes its rows visible in the order of their offsets: nothing comes later below the last one,
# but for what was parked: that is told where a dead letter let it go, and all that one did are a lane's, in its order.
_COLUMNS = ", ".join(
    f'event."{name}"'
    for name in (
        *("event_id", "type", "topic", "partition", "offset", "append_time", "request_id", "causation_id", "actor"),
        *("image_id", "version", "reason", "data"),
    )
)
AFTER = f"""
WITH own AS MATERIALIZED (
    (SELECT event.*, at.name AS lane, at.nr, append_time AS told_at, NULL::bigint AS released
    FROM unnest(%(topics)s::text[], %(partitions)s::int[], %(offsets)s::bigint[]) AS at (name, nr, next)
    CROSS JOIN LATERAL (
        SELECT {_COLUMNS} FROM events AS event
        WHERE owner = %(account)s AND topic = at.name AND partition = at.nr AND "offset" >= at.next
          AND NOT EXISTS (SELECT FROM released WHERE released.event_id = event.event_id)
        ORDER BY "offset" LIMIT %(limit)s
    ) AS event
    ORDER BY {ORDER} LIMIT %(limit)s)
    UNION ALL
    (SELECT {_COLUMNS}, '{RELEASED}', at.nr, (
        SELECT append_time FROM events AS letter
        WHERE (letter.topic, letter.partition, letter."offset")
            = (released.topic, released.partition, released."offset")), released."offset"
    FROM unnest(%(letters)s::int[], %(released)s::bigint[], %(within)s::bigint[]) AS at (nr, next, own)
    JOIN released
        ON released.topic = '{DEAD_LETTERS.name}' AND released.partition = at.nr AND released."offset" >= at.next
    JOIN events AS event ON event.event_id = released.event_id AND event.owner = %(account)s
    WHERE (released."offset", event."offset") >= (at.next, at.own)
    ORDER BY released.partition, released."offset", event."offset")
)
SELECT own.*,
    topic = '{ANALYSES.name}' AND causation_id IS NOT NULL
        AND NOT EXISTS (SELECT FROM events AS cause WHERE cause.event_id = own.causation_id) AS early
FROM own ORDER BY told_at, released NULLS FIRST, {ORDER} LIMIT %(limit)s
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
        return at_end(await stands(self._read_model))

    async def after(self, account: str, place: Place, limit: int) -> Told:
        """The first events of an account after a place."""
        rows = await self._rows(account, place, limit)
        early = {row["event_id"] for row in rows if row["early"]}
        excused: set[UUID] = set()
        if early and await self._caught_up():  # what caused them is there by now, or nobody could read it
            rows, excused = await self._rows(account, place, limit), early
        items, at = [], dict(place)
        for row in _in_order(rows, excused):
            at |= _past(row)
            items.append({"id": word(at, account), **_shown(row)})
        return Told(items, at, more=bool(items) and len(rows) == limit)

    async def _rows(self, account: str, place: Place, limit: int) -> list[DictRow]:
        topics, partitions = zip(*PARTITIONS, strict=True)
        letters = range(DEAD_LETTERS.partitions)
        asked = {
            "account": account,
            "limit": limit,
            "topics": list(topics),
            "partitions": list(partitions),
            "offsets": [place.get(one, 0) for one in PARTITIONS],
            "letters": list(letters),
            "released": [place.get((RELEASED, number), 0) for number in letters],
            "within": [place.get((WITHIN, number), 0) for number in letters],
        }
        return await self._read_model.rows(AFTER, asked)

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
        at = row["lane"], row["nr"]
        if row["early"] and row["event_id"] not in excused:
            held.add(at)
        if at not in held:
            yield row


def _past(row: DictRow) -> Place:
    """What of a place moves past an event."""
    if row["released"] is None:
        return {(row["lane"], row["nr"]): row["offset"] + 1}
    return {(RELEASED, row["nr"]): row["released"], (WITHIN, row["nr"]): row["offset"] + 1}


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
