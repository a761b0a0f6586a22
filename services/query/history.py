"""The history of an image, out of the events the read model has seen: what was done to it, found in it, shown of it."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import orjson
from psycopg.rows import DictRow

from adapters.read_model import ReadModel
from contracts.codec import read
from contracts.events import Json, Position
from contracts.read_model.params import params_key
from contracts.resources.history import Known, Lived, Promoted, history_json
from contracts.topics import ALGORITHMS, ANALYSES, IMAGES, POSTS
from services.query.cursors import decoded, encoded
from services.query.places import ORDER, RANK

TYPES = ("timestamptz", "int", "text", "int", "int8")
PLACE = f"({', '.join(f'%(place{number})s::{type_}' for number, type_ in enumerate(TYPES))})"

_PAGE = f"""
SELECT event_id, type, append_time, actor, topic, partition, "offset", version, reason, data, {RANK} AS rank
FROM events WHERE image_id = %(image_id)s /* beyond */ ORDER BY {ORDER} LIMIT %(limit)s
"""
FIRST = _PAGE.replace("/* beyond */", "")
NEXT = _PAGE.replace("/* beyond */", f"AND append_time >= %(place0)s AND ({ORDER}) > {PLACE}")
BEFORE = f"""
SELECT type, data, append_time FROM events
WHERE image_id = %(image_id)s AND topic IN ('{IMAGES.name}', '{POSTS.name}') AND accepted
  AND append_time <= %(place0)s AND ({ORDER}) <= {PLACE}
ORDER BY {ORDER}
"""
FOUND_BEFORE = f"""
SELECT data ->> 'sha256' AS sha256, found ->> 'algorithm' AS algorithm, found -> 'params' AS params,
    array_agg((found ->> 'version')::int) AS versions
FROM events CROSS JOIN LATERAL jsonb_array_elements(data -> 'results') AS found
WHERE image_id = %(image_id)s AND topic = '{ANALYSES.name}' AND append_time <= %(place0)s AND ({ORDER}) <= {PLACE}
GROUP BY 1, 2, 3
"""
PROMOTED = f"""
SELECT data ->> 'algorithm' AS algorithm, (data ->> 'version')::int AS version, append_time AS since
FROM events WHERE topic = '{ALGORITHMS.name}' AND accepted ORDER BY append_time, partition, "offset"
"""


async def history(
    read_model: ReadModel, image_id: UUID, limit: int, cursor: str | None
) -> tuple[list[dict[str, Json]], str | None]:
    """A page of an image's events, oldest first, whether accepted or not; and the cursor of the next one.

    Raises the Problem `invalid-request` for a cursor of anything else.
    """
    question: Json = ["history", str(image_id)]
    place = decoded(cursor, question, TYPES) if cursor else []
    asked = {"image_id": image_id, "limit": limit + 1, **{f"place{at}": value for at, value in enumerate(place)}}
    rows = await read_model.rows(NEXT if place else FIRST, asked)
    known = Known(promoted=[Promoted(**row) for row in await read_model.rows(PROMOTED)])
    if place:
        await _go_on_from(known, read_model, asked)
    items = list(history_json(map(_lived, rows[:limit]), known))
    return items, encoded(_place(rows[limit - 1]), question) if len(rows) > limit else None


async def _go_on_from(known: Known, read_model: ReadModel, asked: dict[str, Any]) -> None:
    """To what stood where a page begins."""
    for row in await read_model.rows(BEFORE, asked):
        known.live(read(row["type"], row["data"]), row["append_time"])
    for row in await read_model.rows(FOUND_BEFORE, asked):
        key = row["sha256"], row["algorithm"], params_key(orjson.loads(row["params"]))
        known.versions[key] = set(row["versions"])


def _place(row: DictRow) -> Sequence[Json]:
    return [row["append_time"].isoformat(), row["rank"], row["topic"], row["partition"], row["offset"]]


def _lived(row: DictRow) -> Lived:
    return Lived(
        event_id=row["event_id"],
        type=row["type"],
        time=row["append_time"],
        actor=row["actor"],
        position=Position(row["topic"], row["partition"], row["offset"]),
        version=row["version"],
        reason=row["reason"],
        event=read(row["type"], row["data"]),
    )
