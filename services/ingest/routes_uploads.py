"""Uploads that go straight into object storage: offered, put there by the client, completed."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Response
from fastapi import Request as HttpRequest
from pydantic import BaseModel, ConfigDict, Field

from adapters.http import JSON_BYTES, Json
from adapters.objects import ObjectMissing, Objects
from adapters.principal import may
from adapters.problem_json import documented
from contracts.events import TryLater
from contracts.images import Content
from contracts.permissions import Principal
from contracts.problems import Problem
from contracts.resources.images import time
from services.ingest.answers import IdempotencyKey, asked
from services.ingest.commands_images import Upload
from services.ingest.fields import Filename, wanted
from services.ingest.offers import OFFER_SECONDS, Offer, Offers, offer
from services.ingest.proposals import Request, reused
from services.ingest.receive import Receiver
from services.ingest.routes_images import BYTES, shown
from services.ingest.write import Writer

ROUTES = APIRouter(tags=["images"])

Add = Annotated[Principal, may("add-image")]


class Announced(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    filename: Filename
    size: Annotated[int, Field(strict=True, ge=1, le=2**53)]
    sha256: Annotated[str, Field(pattern="^[0-9a-fA-F]{64}$")]


@dataclass(frozen=True, slots=True)
class Desk:
    """What these routes are made of. `reachable` is object storage at the address that clients reach it at."""

    offers: Offers
    objects: Objects
    reachable: Objects
    receiver: Receiver
    writer: Writer
    house: tuple[str, ...]
    now: Callable[[], datetime]


@ROUTES.post("/v1/uploads", status_code=201, max_body_size=JSON_BYTES)
async def announce(request: HttpRequest, who: Add, body: Announced, idempotency_key: IdempotencyKey = None) -> Response:
    """An address to PUT the bytes to, good for an hour."""
    desk, now = _desk(request), _desk(request).now()
    if body.size > desk.receiver.limits.bytes:
        raise Problem("too-large", f"An image may have at most {desk.receiver.limits.bytes:,} bytes.")
    itself, said = asked(request, who, idempotency_key), (body.filename, body.size, body.sha256.lower())
    made = await desk.offers.find(itself.id) if itself.keyed else None
    if made is None:
        made = offer(itself.id, who.account, *said, now)
        await desk.offers.make(made, now)
    elif not made.is_of(who.account, *said):
        raise reused()
    url = desk.reachable.presign("PUT", made.key, OFFER_SECONDS)
    answer = {"id": made.id, "url": url, "headers": {}, "expires_at": time(made.expires_at)}
    return Json(answer, 201, {"Location": f"/v1/uploads/{made.id}", "Cache-Control": "no-store"})


@ROUTES.post(
    "/v1/uploads/{upload_id}/complete",
    status_code=201,
    responses={
        200: {"description": "The image that the account has of the same bytes"},
        **documented(*BYTES, "not-found", "upload-missing", "upload-mismatch", "behind"),
    },
)
async def complete(request: HttpRequest, who: Add, upload_id: UUID) -> Response:
    """The image, once the bytes have been read, hashed and judged. Completing twice makes no second image."""
    desk = _desk(request)
    announced = await desk.offers.find(upload_id)
    if announced is None or announced.account != who.account:
        raise Problem("not-found", f"There is no upload {upload_id}.")
    itself = Request(id=upload_id, who=who, keyed=True, traceparent=request.scope["traceparent"])
    upload = Upload(filename=announced.filename, wanted=wanted((), desk.house, desk.house))
    if made := await desk.writer.made(itself):
        return shown(made, 201)
    try:
        async with (
            desk.objects.open(announced.key) as opened,
            desk.receiver.take(opened.chunks, announced.filename) as received,
        ):
            _check(announced, received.content)
            stored = await desk.writer.upload(itself, upload, received.content, received.keep)
    except ObjectMissing:
        raise Problem("upload-missing", "Nothing has been put to the address yet.") from None
    with suppress(TryLater, ObjectMissing):  # a sweep finds it later
        await desk.objects.delete(announced.key)
    return shown(stored, 201 if stored.created else 200)


def _check(announced: Offer, content: Content) -> None:
    if (content.size, content.sha256) != (announced.size, announced.sha256):
        raise Problem(
            "upload-mismatch",
            f"{content.size} bytes with SHA-256 {content.sha256} were put, not the {announced.size} announced.",
        )


def _desk(request: HttpRequest) -> Desk:
    found: Desk = request.app.state.desk
    return found
