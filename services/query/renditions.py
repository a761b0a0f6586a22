"""The pictures made of an image, as bytes or as JSON, to be kept for ever where the address names their hash."""

import re
from base64 import b64encode
from typing import Any

import orjson
from starlette.datastructures import Headers
from starlette.responses import Response

from adapters.http import Json
from contracts.events import Json as JsonValue
from contracts.problems import Problem
from contracts.resources.images import Described, stored_renditions
from contracts.topics import ANALYSES
from services.query.conditional import prefers_json, unchanged
from services.query.parts import Reading
from services.query.streamed import SAFE

Rendition = dict[str, JsonValue]

PICTURE: dict[str, Any] = {"image/*": {"schema": {"type": "string", "format": "binary"}}}
RENDITION = {
    "type": "object",
    "required": ["sha256", "media_type", "width", "height", "base64"],
    "properties": {
        "sha256": {"type": "string"},
        "media_type": {"type": "string"},
        "width": {"type": "integer"},
        "height": {"type": "integer"},
        "base64": {"type": "string", "contentEncoding": "base64"},
    },
}

FOR_EVER = "{}, max-age=31536000, immutable"
_SHA256 = re.compile("[0-9a-f]{64}")
MADE = """
SELECT rendition FROM facts CROSS JOIN LATERAL jsonb_array_elements(result -> 'renditions') AS rendition
WHERE image_id = %s AND algorithm = 'thumbnail' AND rendition ->> 'sha256' = %s
"""


async def rendition_answer(
    parts: Reading, image: Described, name: str, version: str | None, asked: Headers, past: bool = False
) -> Response:
    """200 or 304. `version` is the hash it must have, if any; with `past`, it may be of bytes the image had before.

    Raises the Problems `not-found`, also for what nobody has made yet, and `corrupt-object`.
    """
    if past and version and not _named(image, name, version) and (found := await _made(parts, image, name, version)):
        return await picture_answer(parts, found, asked, FOR_EVER.format("private"))
    found = await _rendition(parts, image, name, version)
    return await picture_answer(parts, found, asked, _caching(image, version))


async def picture_answer(parts: Reading, found: Rendition, asked: Headers, caching: str) -> Response:
    """A stored picture as bytes, or as JSON where Accept prefers that; 304 where the client has it. `caching` is the
    header Cache-Control. Raises the Problem `corrupt-object`.
    """
    as_json = prefers_json(asked.get("accept"), found["media_type"])
    etag = f'"{found["sha256"]}{"-json" if as_json else ""}"'
    headers = {"ETag": etag, "Vary": "Accept, Authorization", "Cache-Control": caching}
    if unchanged(asked.get("if-none-match"), etag):
        return Response(status_code=304, headers=headers)
    chunks = parts.stored.whole(found["key"], found["size"], found["sha256"])
    data = b"".join([chunk async for chunk in chunks])
    if as_json:
        described = {field: found[field] for field in ("sha256", "media_type", "width", "height")}
        return Json({**described, "base64": b64encode(data).decode()}, headers=headers)
    return Response(data, headers={**headers, **SAFE}, media_type=found["media_type"])


async def _rendition(parts: Reading, image: Described, name: str, version: str | None) -> Rendition:
    if found := _named(image, name, version):
        return found
    await parts.fresh.settled(ANALYSES, str(image.image.image_id))
    newest = await parts.fresh.newest(image.image.image_id)
    if newest and (found := _named(newest, name, version)):
        return found
    raise Problem("not-found", f"The image has no such rendition {name}; its analysis is {image.status}.")


async def _made(parts: Reading, image: Described, name: str, version: str) -> Rendition | None:
    """A rendition that was ever made of the image."""
    if not _SHA256.fullmatch(version):
        return None
    rows = await parts.read_model.rows(MADE, (image.image.image_id, version))
    found: list[Rendition] = [orjson.loads(row["rendition"]) for row in rows]
    return next((one for one in found if one["name"] == name), None)


def _named(image: Described, name: str, version: str | None) -> Rendition | None:
    of_name = (one for one in stored_renditions(image.analyses) if one["name"] == name)
    return next((one for one in of_name if version in (None, one["sha256"])), None)


def _caching(image: Described, version: str | None) -> str:
    """An address that names the hash can only ever lead to these bytes."""
    whose = "public" if image.image.visibility == "public" else "private"
    return FOR_EVER.format(whose) if version else f"{whose}, no-cache"
