"""The table `images`: how an image lies in columns, for the projector that writes it and for all who read it."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import msgspec

from contracts.events import Position
from contracts.images import Content, Image, Wanted
from contracts.read_model.placed import Placed
from contracts.read_model.words import words
from contracts.topics import IMAGES

COLUMNS = (
    ("image_id", "uuid"),
    ("owner", "text"),
    ("version", "int4"),
    ("sha256", "text"),
    ("size", "int8"),
    ("media_type", "text"),
    ("storage_key", "text"),
    ("width", "int4"),
    ("height", "int4"),
    ("filename", "text"),
    ("title", "text"),
    ("description", "text"),
    ("tags", "text[]"),
    ("visibility", "text"),
    ("origin", "text"),
    ("wanted", "jsonb"),
    ("created_at", "timestamptz"),
    ("updated_at", "timestamptz"),
    ("deleted_at", "timestamptz"),
    ("partition", "int4"),
    ("offset", "int8"),
    ("words", "text[]"),
)

_WANTED = msgspec.json.Decoder(tuple[Wanted, ...])


def values(placed: Placed[Image]) -> tuple[Any, ...]:
    """A row of the table, in the order of COLUMNS."""
    image, content = placed.state, placed.state.content
    return (
        *(image.image_id, image.owner, image.version, content.sha256, content.size, content.media_type),
        *(content.storage_key, content.width, content.height, image.filename, image.title, image.description),
        *(list(image.tags), image.visibility, image.origin, msgspec.json.encode(image.wanted)),
        *(image.created_at, image.updated_at, image.deleted_at, placed.position.partition, placed.position.offset),
        words(image.title, image.description, image.filename, *image.tags),
    )


def placed(row: Sequence[Any]) -> Placed[Image]:
    """The state in a row of COLUMNS, `words` left out or not, `wanted` still as JSON."""
    image_id, owner, version, sha256, size, media_type, storage_key, width, height, filename, title, *rest = row
    description, tags, visibility, origin, wanted, created_at, updated_at, deleted_at, partition, offset, *_ = rest
    image = Image(
        image_id=image_id,
        owner=owner,
        version=version,
        content=Content(
            sha256=sha256, size=size, media_type=media_type, storage_key=storage_key, width=width, height=height
        ),
        filename=filename,
        title=title,
        description=description,
        tags=tuple(tags),
        visibility=visibility,
        origin=origin,
        wanted=_wanted(wanted),
        created_at=created_at,
        updated_at=updated_at,
        deleted_at=deleted_at,
    )
    return Placed(image, Position(IMAGES.name, partition, offset))


@lru_cache
def _wanted(encoded: bytes) -> tuple[Wanted, ...]:
    """Nearly all images want the same."""
    return _WANTED.decode(encoded)
