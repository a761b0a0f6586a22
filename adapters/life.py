"""The life of an image as the read model keeps it: its accepted events, folded up to some point."""

from datetime import datetime
from uuid import UUID

from psycopg.rows import DictRow

from adapters.read_model import ReadModel
from contracts import images
from contracts.codec import read
from contracts.events import Position
from contracts.images import Image
from contracts.read_model.placed import Placed
from contracts.topics import IMAGES

_LIFE = f"""
SELECT type, data, append_time, partition, "offset" FROM events
WHERE image_id = %s AND topic = '{IMAGES.name}' AND accepted AND /* until */ ORDER BY "offset"
"""
UPTO_OFFSET, UPTO_VERSION, UPTO_TIME = (
    _LIFE.replace("/* until */", f"{column} <= %s") for column in ('"offset"', "version", "append_time")
)


async def at_offset(read_model: ReadModel, image_id: UUID, offset: int) -> Image | None:
    """The image as the event at an offset left it."""
    placed = _folded(await read_model.rows(UPTO_OFFSET, (image_id, offset)))
    return placed.state if placed else None


async def at_version(read_model: ReadModel, image_id: UUID, version: int) -> Image | None:
    """The image at one of its versions; None where the read model knows of no such version."""
    placed = _folded(await read_model.rows(UPTO_VERSION, (image_id, version)))
    return placed.state if placed and placed.state.version == version else None


async def at_time(read_model: ReadModel, image_id: UUID, time: datetime) -> Placed[Image] | None:
    """The image before the first event later than `time`; None where it had not begun, or was yet to be fetched.

    Append times never fall within a partition, so what is not later is what lies before that event.
    """
    return _folded(await read_model.rows(UPTO_TIME, (image_id, time)))


def _folded(rows: list[DictRow]) -> Placed[Image] | None:
    placed: Placed[Image] | None = None
    for row in rows:
        before = placed.state if placed else None
        image = images.apply(before, read(row["type"], row["data"]), row["append_time"])
        if isinstance(image, Image) and image is not before:
            placed = Placed(image, Position(IMAGES.name, row["partition"], row["offset"]))
    return placed
