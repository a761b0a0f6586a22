"""What clients do to images: upload, replace, describe, delete, restore, revert."""

from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from functools import partial
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Header, Response
from fastapi import Request as HttpRequest

from adapters.conditions import etag, expected_version
from adapters.http import JSON_BYTES, Json
from adapters.principal import may
from adapters.problem_json import documented
from contracts.permissions import Principal
from contracts.resources.images import image_json
from services.ingest import commands_images as commands
from services.ingest.answers import IdempotencyKey, IfMatch, asked, change, pending
from services.ingest.callbacks import Callbacks
from services.ingest.documented import FORM_BODY, IMAGE_OR_FORM_BODY
from services.ingest.fields import KNOWN, Earlier, Patch, said, wanted
from services.ingest.proposals import Pending
from services.ingest.receive import Receiver
from services.ingest.write import Stored, Writer

ROUTES = APIRouter(tags=["images"])

BYTES = (
    "malformed-request",
    "request-timeout",
    "too-large",
    "unsupported-media-type",
    "invalid-request",
    "idempotency-key-reuse",
    "empty-upload",
    "undecodable-image",
    "too-many-pixels",
    "too-many-frames",
    "unavailable",
    "outcome-unknown",
)


@dataclass(frozen=True, slots=True)
class Ingest:
    """What these routes are made of. `house` are the algorithms of every image, `known` says which one may ask for."""

    receiver: Receiver
    writer: Writer
    callbacks: Callbacks
    house: tuple[str, ...]
    known: Callable[[], Awaitable[Collection[str]]]


Adding = Annotated[Principal, may("add-image", unchecked=True)]
Changing = Annotated[Principal, may("change-image")]


@ROUTES.post(
    "/v1/images",
    status_code=201,
    openapi_extra=FORM_BODY,
    responses={
        200: {"description": "The image that the account has of the same bytes"},
        **documented(*BYTES, "url-not-allowed"),
    },
)
async def upload(request: HttpRequest, who: Adding, idempotency_key: IdempotencyKey = None) -> Response:
    """The bytes are stored, then the event is in the log, then the answer is 201; 200 for one's own duplicate."""
    ingest, retry = _ingest(request), asked(request, who, idempotency_key)
    async with ingest.receiver.read(request, KNOWN) as received:
        fields = said(received.fields)
        known = {*ingest.house, *(await ingest.known() if fields.algorithms else ())}
        command = fields.upload(received.filename, wanted(fields.algorithms, ingest.house, known))
        callback = await ingest.callbacks.to(fields.callback, who.account)
        reuse = fields.on_duplicate == "reuse"
        stored = await ingest.writer.upload(retry, command, received.content, received.keep, reuse, callback)
    return shown(stored, 201 if stored.created else 200)


@ROUTES.put(
    "/v1/images/{image_id}/content",
    openapi_extra=IMAGE_OR_FORM_BODY,
    responses=change(*BYTES),
)
async def replace(
    request: HttpRequest,
    who: Changing,
    image_id: UUID,
    if_match: IfMatch = None,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Other bytes for the same image."""
    expected, retry = expected_version(if_match), asked(request, who, idempotency_key, if_match)
    ingest = _ingest(request)
    async with ingest.receiver.read(request, (), raw=True) as received:
        content, keep = received.content, received.keep
        command = partial(commands.replace, content=content, expected=expected, actor=who.account)
        written = await ingest.writer.change(retry, image_id, command, sha256=content.sha256, keep=keep)
    return _answer(written)


@ROUTES.patch("/v1/images/{image_id}", responses=change(), max_body_size=JSON_BYTES)
async def describe(
    request: HttpRequest,
    who: Changing,
    image_id: UUID,
    patch: Patch,
    if_match: IfMatch = None,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """A merge patch of title, description, tags, visibility and file name."""
    changes = patch.changes()
    command = partial(commands.edit, changes=changes, expected=expected_version(if_match), actor=who.account)
    retry = asked(request, who, idempotency_key, if_match)
    return _answer(await _ingest(request).writer.change(retry, image_id, command, fields=changes))


@ROUTES.delete("/v1/images/{image_id}", status_code=204, responses=change())
async def delete(
    request: HttpRequest,
    who: Changing,
    image_id: UUID,
    if_match: IfMatch = None,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Out of sight for all but its owner's list of deleted images; `restore` brings it back."""
    command = partial(commands.delete, expected=expected_version(if_match), actor=who.account)
    retry = asked(request, who, idempotency_key, if_match)
    return _answer(await _ingest(request).writer.change(retry, image_id, command), gone=True)


@ROUTES.post("/v1/images/{image_id}/restore", responses=change("image-not-deleted"))
async def restore(
    request: HttpRequest, who: Changing, image_id: UUID, idempotency_key: IdempotencyKey = None
) -> Response:
    """A deleted image as it was."""
    command = partial(commands.restore, actor=who.account)
    retry = asked(request, who, idempotency_key)
    return _answer(await _ingest(request).writer.change(retry, image_id, command))


@ROUTES.post("/v1/images/{image_id}/revert", responses=change("version-mismatch"), max_body_size=JSON_BYTES)
async def revert(
    request: HttpRequest,
    who: Changing,
    image_id: UUID,
    earlier: Earlier,
    if_match: Annotated[str | None, Header(include_in_schema=False)] = None,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """A new version equal to an earlier one, in what is said of the image and in its bytes.

    If-Match need not be sent; if it is, it must fit.
    """
    writer, retry = _ingest(request).writer, asked(request, who, idempotency_key, if_match)
    expected = None if if_match is None else expected_version(if_match)
    then = await writer.at_version(retry, image_id, earlier.version)
    command = partial(commands.revert, then=then, expected=expected, actor=who.account)
    return _answer(await writer.change(retry, image_id, command, fields={"version": earlier.version}))


def _ingest(request: HttpRequest) -> Ingest:
    found: Ingest = request.app.state.ingest
    return found


def _answer(written: Stored | Pending, gone: bool = False) -> Response:
    if isinstance(written, Pending):
        return pending(written)
    return Response(status_code=204, headers=_headers(written)) if gone else shown(written, 200)


def shown(stored: Stored, status: int) -> Response:
    """The answer that shows an image to its owner."""
    headers = _headers(stored)
    if status == 201:
        headers["Location"] = f"/v1/images/{stored.described.image.image_id}"
    return Json(image_json(stored.described), status, headers)


def _headers(stored: Stored) -> dict[str, str]:
    return {"ETag": etag(stored.described.image.version), "Framelog-Position": str(stored.described.position)}
