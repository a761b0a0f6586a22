"""The account's own events: a page of them, or as they come."""

from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request, Response

from adapters.principal import may, still
from adapters.problem_json import documented
from contracts.permissions import Principal
from contracts.problems import FieldError, invalid
from services.query import places
from services.query.conditional import prefers_json
from services.query.pages import Limit, page
from services.query.parts import Parts
from services.query.places import BEGINNING, Place
from services.query.streams import Streams

ROUTES = APIRouter(tags=["events"])

NOW = "now"
STREAM = "text/event-stream"
MOST_CHARACTERS = 4_000
ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "As Accept prefers: as they come, or a page",
        "content": {STREAM: {"schema": {"type": "string"}}, "application/json": {"schema": {"type": "object"}}},
    },
    **documented("rate-limited"),
}

See = Annotated[Principal, may("see-events")]
Since = Annotated[str | None, Query(max_length=MOST_CHARACTERS, description="`id` of the last event had, or `now`")]
Cursor = Annotated[str | None, Query(max_length=MOST_CHARACTERS, description="`next` of the page before")]
LastEventId = Annotated[str | None, Header(max_length=MOST_CHARACTERS, description="as `after`, and before it")]


@ROUTES.get("/v1/events", response_class=Response, responses=ANSWERS)
async def list_events(
    request: Request,
    parts: Parts,
    who: See,
    since: Annotated[Since, Query(alias="after")] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
    last_event_id: LastEventId = None,
) -> Response:
    """Every event of the account, accepted or not, in the order of the log for each image: from the first one on, or
    after the one whose `id` is sent. Server-sent events, without an end; a page with `Accept: application/json`.
    """
    streams = parts.streams
    given = {"header/last-event-id": last_event_id, "query/cursor": cursor, "query/after": since}
    where, sent = next(((where, one) for where, one in given.items() if one), ("", None))
    place = await _place(streams, where, sent, who.account)
    if not prefers_json(request.headers.get("accept"), STREAM):
        return await streams.answer(who.account, place, partial(still, request), begin=sent == NOW)
    told = await streams.feed.after(who.account, place, limit)
    last = places.word(told.place, who.account)
    answer = page(request, told.items, last if told.more else None, last=last)
    answer.headers["Vary"] = "Accept"
    return answer


async def _place(streams: Streams, where: str, sent: str | None, account: str) -> Place:
    if sent is None:
        return BEGINNING
    if sent == NOW:
        return await streams.feed.now()
    try:
        return places.read(sent, account)
    except ValueError:
        raise invalid(FieldError(pointer=f"/{where}", detail="this is no id of an event of this account")) from None
