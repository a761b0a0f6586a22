"""The bytes of an image: the original to its owner, its renditions to whoever may see it."""

from base64 import b64encode
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import quote
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Request, Response
from starlette.responses import StreamingResponse

from adapters.fresh import Fresh
from adapters.http import Json
from adapters.objects import Objects
from adapters.principal import Principal, Who
from adapters.problem_json import documented
from contracts.events import Json as JsonValue
from contracts.problems import Problem
from contracts.resources.images import Described, stored_renditions
from contracts.topics import ANALYSES
from services.query.delivery import at_once, begun, part, whole
from services.query.ranges import is_known, wanted_part

ROUTES = APIRouter(tags=["images"])
NAMES = ("thumb", "small", "large")
SAFE = {"X-Content-Type-Options": "nosniff", "Content-Security-Policy": "default-src 'none'; sandbox"}
FOREVER = "max-age=31536000, immutable"


@dataclass(frozen=True, slots=True)
class Bytes:
    """What these routes are made of."""

    fresh: Fresh
    objects: Objects


async def _bytes(request: Request) -> Bytes:
    found: Bytes = request.app.state.bytes
    return found


Parts = Annotated[Bytes, Depends(_bytes)]
Conditional = Annotated[str | None, Header()]


@ROUTES.get(
    "/v1/images/{image_id}/content",
    response_class=Response,
    responses=documented("not-found", "forbidden", "range-not-satisfiable", "corrupt-object", "behind"),
)
async def content(
    parts: Parts,
    who: Who,
    image_id: UUID,
    range: Conditional = None,  # the header's own name
    if_range: Conditional = None,
    if_none_match: Conditional = None,
) -> Response:
    """The original, byte for byte as it was uploaded."""
    image = (await _seen(parts.fresh, who, image_id)).image
    if image.owner != who.account:
        raise Problem("forbidden", "only its owner may have the original")
    held, etag = image.content, f'"{image.content.sha256}"'
    headers = SAFE | {
        "ETag": etag,
        "Accept-Ranges": "bytes",
        "Cache-Control": "private, no-cache",
        "Content-Disposition": disposition(image.filename),
    }
    if is_known(if_none_match, etag):
        return Response(status_code=304, headers=headers)
    asked = wanted_part(range, if_range, etag, held.size)
    if asked:
        chunks = await begun(part(parts.objects, held.storage_key, asked.first, asked.last))
        headers |= {"Content-Range": asked.content_range, "Content-Length": str(asked.length)}
        return StreamingResponse(chunks, 206, headers, media_type=held.media_type)
    chunks = await begun(whole(parts.objects, held.storage_key, held.sha256, held.size))
    return StreamingResponse(chunks, 200, headers | {"Content-Length": str(held.size)}, media_type=held.media_type)


@ROUTES.get(
    "/v1/images/{image_id}/renditions/{name}",
    response_class=Response,
    responses=documented("not-found", "corrupt-object", "behind"),
)
async def rendition(
    parts: Parts,
    who: Who,
    image_id: UUID,
    name: str,
    v: str | None = None,
    accept: Conditional = None,
    if_none_match: Conditional = None,
) -> Response:
    """`thumb` (128 px), `small` (512) or `large` (1600): upright, with no metadata inside."""
    described = await _seen(parts.fresh, who, image_id)
    found = await _rendition(parts.fresh, described, name, v)
    as_json = accept is not None and "application/json" in accept
    etag = f'"{found["sha256"]}{"-json" if as_json else ""}"'
    shared = "public" if described.image.visibility == "public" else "private"
    headers = SAFE | {"ETag": etag, "Vary": "Accept", "Cache-Control": f"{shared}, {FOREVER if v else 'no-cache'}"}
    if is_known(if_none_match, etag):
        return Response(status_code=304, headers=headers)
    data = await at_once(parts.objects, found["key"], found["sha256"])
    if not as_json:
        return Response(data, headers=headers, media_type=found["media_type"])
    shown = {field: found[field] for field in ("sha256", "media_type", "width", "height")}
    return Json(shown | {"base64": b64encode(data).decode()}, headers=headers)


def disposition(filename: str) -> str:
    """A Content-Disposition that no file name can break out of (RFC 6266, RFC 8187)."""
    plain = "".join(one if one.isascii() and one.isprintable() and one not in '"\\%' else "_" for one in filename)
    return f"inline; filename=\"{plain}\"; filename*=UTF-8''{quote(filename, safe='')}"


async def _seen(fresh: Fresh, who: Principal, image_id: UUID) -> Described:
    found = await fresh.image(image_id)
    if found is None or found.image.deleted_at or not (found.image.owner == who.account or _public(found)):
        raise Problem("not-found", f"there is no image {image_id}")
    return found


def _public(described: Described) -> bool:
    return described.image.visibility == "public"


async def _rendition(fresh: Fresh, described: Described, name: str, v: str | None) -> dict[str, JsonValue]:
    """The rendition as `thumbnail` found it; that it is missing is only said once all analyses are in."""
    if name in NAMES and (found := _named(described, name, v)):
        return found
    if name in NAMES:
        await fresh.settled(ANALYSES, str(described.image.image_id))
        newest = await fresh.newest(described.image.image_id)
        if newest and (found := _named(newest, name, v)):
            return found
    raise Problem("not-found", f"the image has no rendition {name!r}: it is {described.status}")


def _named(described: Described, name: str, v: str | None) -> dict[str, JsonValue] | None:
    of_name = (one for one in stored_renditions(described.analyses) if one["name"] == name)
    return next((one for one in of_name if v in (None, one["sha256"])), None)
