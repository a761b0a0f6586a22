"""The history of an image, out of the events the read model has seen."""

from uuid import UUID

from psycopg.rows import DictRow

from adapters.read_model import ReadModel
from contracts.codec import read
from contracts.events import Json, Position
from contracts.resources.history import Lived, history_json
from contracts.topics import IMAGES

EVENTS = """
SELECT event_id, type, append_time, actor, partition, "offset", version, reason, data FROM events
WHERE image_id = %s AND topic = %s ORDER BY "offset"
"""


async def history(read_model: ReadModel, image_id: UUID) -> list[dict[str, Json]]:
    """Every event of an image, oldest first, whether accepted or not."""
    return list(history_json(map(_lived, await read_model.rows(EVENTS, (image_id, IMAGES.name)))))


def _lived(row: DictRow) -> Lived:
    return Lived(
        event_id=row["event_id"],
        type=row["type"],
        time=row["append_time"],
        actor=row["actor"],
        position=Position(IMAGES.name, row["partition"], row["offset"]),
        version=row["version"],
        reason=row["reason"],
        event=read(row["type"], row["data"]),
    )
