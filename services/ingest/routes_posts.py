"""What people do to show their images: publish, edit, delete."""

from functools import partial
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Response
from fastapi import Request as HttpRequest
from pydantic import BaseModel, ConfigDict

from adapters.conditions import etag, expected_version
from adapters.http import JSON_BYTES, Json
from adapters.principal import may
from adapters.read_model import Verdict
from contracts import ids
from contracts.permissions import Principal
from contracts.posts import Post, PostPublished
from contracts.problems import Problem
from contracts.resources.posts import post_json
from services.ingest import commands_posts as commands
from services.ingest.answers import IdempotencyKey, IfMatch, ImageId, answer, asked, change, image_named, pending
from services.ingest.fields import Description
from services.ingest.proposals import Pending
from services.ingest.sharing import Sharing, done, sharing

ROUTES = APIRouter(tags=["sharing"])


class Publication(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    image_id: ImageId
    caption: Description | None = None


class Caption(BaseModel):
    """A merge patch (RFC 7396): what is absent stays, null takes away."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    caption: Description | None = None


Share = Annotated[Principal, may("share")]


@ROUTES.post("/v1/posts", status_code=201, responses=change(), max_body_size=JSON_BYTES)
async def publish(
    request: HttpRequest, who: Share, body: Publication, idempotency_key: IdempotencyKey = None
) -> Response:
    """Show one of one's own images: while the post stands, anyone may see its renditions, never the original."""
    house, retry = sharing(request), asked(request, who, idempotency_key)
    image = await house.writer.own(retry, image_named(body.image_id))
    if image.deleted_at:
        raise Problem("not-found", f"there is no image {image.image_id}")
    about = [str(image.image_id), body.caption]
    post_id = ids.post(ids.requested(retry.id, None, about, None))
    event = PostPublished(
        post_id=post_id, owner=who.account, actor=who.account, image_id=image.image_id, caption=body.caption
    )
    made = await house.proposed(event, about, retry)
    return await answer(made, partial(_answer, house, post_id, who, 201))


@ROUTES.patch("/v1/posts/{post_id}", responses=change(), max_body_size=JSON_BYTES)
async def edit(
    request: HttpRequest,
    who: Share,
    post_id: UUID,
    patch: Caption,
    if_match: IfMatch = None,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """A merge patch of the caption."""
    house, retry = sharing(request), asked(request, who, idempotency_key, if_match)
    expected = expected_version(if_match)
    post = await _own(house, post_id, who)
    caption = patch.caption if "caption" in patch.model_fields_set else post.caption
    made = await house.proposed(commands.edit(post, caption, expected, who.account), [str(post_id), caption], retry)
    return await answer(made, partial(_answer, house, post_id, who, 200))


@ROUTES.delete("/v1/posts/{post_id}", status_code=204, responses=change())
async def delete(
    request: HttpRequest, who: Share, post_id: UUID, if_match: IfMatch = None, idempotency_key: IdempotencyKey = None
) -> Response:
    """Nobody sees the post any more; the image stays as it is."""
    house, retry = sharing(request), asked(request, who, idempotency_key, if_match)
    expected = expected_version(if_match)
    if retry.keyed and (await house.proposals.seen(retry, ids.requested(retry.id, retry.if_match, str(post_id), None))):
        return Response(status_code=204)
    post = await _own(house, post_id, who)
    made = await house.proposed(commands.delete(post, expected, who.account), str(post_id), retry)
    return pending(made) if isinstance(made, Pending) else done(made)


async def _own(house: Sharing, post_id: UUID, who: Principal) -> Post:
    found = await house.shown(post_id, who)
    if found.post.author != who.account:
        raise Problem("forbidden", "only its author changes a post")
    return found.post


async def _answer(house: Sharing, post_id: UUID, who: Principal, status: int, _: Verdict) -> Response:
    found = await house.shown(post_id, who)
    headers = {"ETag": etag(found.post.version), "Framelog-Position": str(found.position)}
    if status == 201:
        headers["Location"] = f"/v1/posts/{post_id}"
    return Json({**post_json(found), "position": str(found.position)}, status, headers)
