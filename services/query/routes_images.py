"""What is read of images: one, a page of them, the bytes, the renditions, the history."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from adapters.conditions import etag
from adapters.http import Json
from adapters.principal import may
from adapters.problem_json import documented
from contracts.permissions import Principal
from contracts.problems import Problem
from contracts.resources.images import Described
from services.query.content import content_answer
from services.query.filters import Page
from services.query.history import history
from services.query.listing import listed, seen_by
from services.query.looking import owned, owns, visible
from services.query.pages import Cursor, Limit, page
from services.query.parts import FRESH, Parts, Reading
from services.query.past import AsOf, content_then, image_as_of
from services.query.renditions import PICTURE, RENDITION, rendition_answer
from services.query.search import question
from services.query.versions import every_version

ROUTES = APIRouter(tags=["images"])

See = Annotated[Principal, may("see-image")]
SeeOwn = Annotated[Principal, may("see-own-image")]
Versions = Annotated[str | None, Query(max_length=100, json_schema_extra={"enum": ["all"]})]
SeeRendition = Annotated[Principal | None, may("see-rendition")]


@ROUTES.get("/v1/images", responses=documented("not-found"))
async def list_images(request: Request, parts: Parts, who: See, filters: Annotated[Page, Query()]) -> Response:
    """One's own images, newest first, or another's public ones: those that fit every filter.

    To admins, with `owner=*`, the public view of everybody's images.
    """
    asked = question(filters, who)
    near = (await owned(parts, _id(filters.near), who)).image.image_id if filters.near else None
    found = await listed(parts.read_model, asked, who, near, filters.limit, filters.cursor)
    return page(request, found.items, found.next)


@ROUTES.get("/v1/images/{image_id}")
async def show_image(parts: Parts, who: See, image_id: UUID, as_of: AsOf = None, versions: Versions = None) -> Response:
    """Everything, to its owner; the public view of a public image to others. How it was is for its owner alone, and so
    is, with `versions=all`, what every version of every algorithm has found in its bytes: `versions` of `analysis`."""
    image = await _asked_for(parts, image_id, who, as_of, versions)
    headers = {"ETag": etag(image.image.version), "Framelog-Position": str(image.position)}
    shown = seen_by(who, image) | (content_then(image, as_of) if as_of else {})
    if versions is not None:
        shown["analysis"]["versions"] = await every_version(parts.read_model, image.image, versions)
    return Json(shown, headers={**FRESH, **headers})


async def _asked_for(
    parts: Reading, image_id: UUID, who: Principal, as_of: datetime | None, versions: str | None
) -> Described:
    if as_of:
        return await image_as_of(parts, image_id, who, as_of)
    return await (visible if versions is None else owned)(parts, image_id, who)


@ROUTES.get("/v1/images/{image_id}/history")
async def show_history(
    request: Request, parts: Parts, who: SeeOwn, image_id: UUID, limit: Limit = 200, cursor: Cursor = None
) -> Response:
    """Every event of the image, oldest first: who asked what, when, what it changed, or why it was refused.

    Also what each version of which algorithm found, the jobs, and the posts that show the image.
    """
    image = await owned(parts, image_id, who)
    items, following = await history(parts.read_model, image.image.image_id, limit, cursor)
    return page(request, items, following)


@ROUTES.get(
    "/v1/images/{image_id}/content",
    response_class=Response,
    responses={
        200: {"content": PICTURE, "description": "All of it"},
        206: {"content": PICTURE, "description": "The range that was asked for"},
        304: {"description": "The client has it, by If-None-Match"},
        **documented("range-not-satisfiable", "corrupt-object"),
    },
)
async def read_content(request: Request, parts: Parts, who: SeeOwn, image_id: UUID, as_of: AsOf = None) -> Response:
    """The original bytes, all or a range of them; those of then, where the image has had others since."""
    image = await (image_as_of(parts, image_id, who, as_of) if as_of else owned(parts, image_id, who))
    return await content_answer(parts.stored, image.image, request.headers)


@ROUTES.get(
    "/v1/images/{image_id}/renditions/{name}",
    response_class=Response,
    responses={
        200: {"content": {**PICTURE, "application/json": {"schema": RENDITION}}, "description": "As Accept prefers"},
        304: {"description": "The client has it, by If-None-Match"},
        **documented("corrupt-object"),
    },
)
async def read_rendition(
    request: Request, parts: Parts, who: SeeRendition, image_id: UUID, name: str, v: str | None = None
) -> Response:
    """A smaller picture made of the image; as JSON with `Accept: application/json`. With `v`, good for ever.

    To its owner those of bytes that it had before, too.
    """
    image = await visible(parts, image_id, who, "see-rendition")
    return await rendition_answer(parts, image, name, v, request.headers, past=owns(who, image))


def _id(text: str) -> UUID:
    """An id that is no id names nothing, like one that nobody has."""
    try:
        return UUID(text)
    except ValueError:
        raise Problem("not-found", f"There is no image {text[:100]}.") from None
