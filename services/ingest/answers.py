"""What the writing routes share: a request's id, and the answer to a write that nobody has judged yet."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any
from uuid import UUID

from fastapi import Header, Response
from fastapi import Request as HttpRequest
from pydantic import Field

from adapters.conditions import idempotency_key
from adapters.edge import uuid7
from adapters.http import Json
from adapters.problem_json import documented
from adapters.read_model import Verdict
from contracts import ids
from contracts.permissions import Principal
from contracts.problems import Problem
from services.ingest.proposals import Pending, Request, or_pending

IfMatch = Annotated[str | None, Header(description="The ETag of the version you have read, or `*`")]
ImageId = Annotated[str, Field(max_length=100)]
"""In a body, where one that is no id is not found (`image_named`)."""
IdempotencyKey = Annotated[str | None, Header(description="A retry with the same key has no second effect")]


CHANGE = (
    "malformed-request",
    "not-found",
    "invalid-request",
    "idempotency-key-reuse",
    "unavailable",
    "behind",
    "outcome-unknown",
)
"""The problems that every change may answer."""
PENDING: dict[str, Any] = {
    "description": "Durable, and not judged yet: look at `status_url`",
    "content": {
        "application/json": {
            "schema": {
                "type": "object",
                "required": ["event_id", "position", "status_url"],
                "properties": {
                    "event_id": {"type": "string", "format": "uuid"},
                    "position": {"type": "string"},
                    "status_url": {"type": "string", "format": "uri-reference"},
                },
            }
        }
    },
}


def change(*slugs: str) -> dict[int | str, dict[str, Any]]:
    """For a route's `responses`: that it may be pending, and the problems that it may answer, `slugs` and CHANGE."""
    return {202: PENDING, **documented(*CHANGE, *slugs)}


def asked(request: HttpRequest, who: Principal, key: str | None = None, if_match: str | None = None) -> Request:
    """The same key makes the same request; without one every request is its own."""
    given = idempotency_key(key)
    id_ = ids.request_id(who.account, request.method, request.url.path, given) if given else uuid7()
    return Request(
        id=id_,
        who=who,
        keyed=given is not None,
        if_match=if_match,
        traceparent=request.scope["traceparent"],
    )


async def answer(made: Verdict | Pending, show: Callable[[Verdict], Awaitable[Response]]) -> Response:
    """What became of a write; 202 where nobody has judged it yet, or it cannot be shown just now."""
    shown = made if isinstance(made, Pending) else await or_pending(made, show(made))
    return pending(shown) if isinstance(shown, Pending) else shown


def pending(written: Pending) -> Response:
    """Durable, and not yet decided: where to look for the verdict."""
    position, status_url = str(written.position), f"/v1/events/{written.event_id}"
    body: dict[str, Any] = {"event_id": written.event_id, "position": position, "status_url": status_url}
    return Json(body, 202, {"Framelog-Position": position, "Location": status_url})


def image_named(text: str) -> UUID:
    """The id of an image in a body. One that is no id names nothing, like one that nobody has."""
    try:
        return UUID(text)
    except ValueError:
        raise Problem("not-found", f"there is no image {text[:100]}") from None
