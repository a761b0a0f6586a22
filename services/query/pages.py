"""Pages of a list: what every one of them is asked with, and how it tells where the next one begins."""

from collections.abc import Sequence
from typing import Annotated
from urllib.parse import urlencode

from fastapi import Query, Request, Response

from adapters.http import Json
from contracts.events import Json as JsonValue
from services.query.parts import FRESH

Limit = Annotated[int, Query(ge=1, le=200)]
Cursor = Annotated[str | None, Query(max_length=1000, description="`next` of the page before")]


def page(request: Request, items: Sequence[JsonValue], following: str | None, **more: JsonValue) -> Response:
    """`following` is the cursor of the next page, if there is one: it is told in the body and as a `Link`."""
    link = {"Link": f'<{_with_cursor(request, following)}>; rel="next"'} if following else {}
    return Json({"items": items, "next": following, **more}, headers={**FRESH, **link})


def _with_cursor(request: Request, cursor: str) -> str:
    """The same question, from another place on."""
    asked = [(name, value) for name, value in request.query_params.multi_items() if name != "cursor"]
    return f"{request.url.path}?{urlencode([*asked, ('cursor', cursor)])}"
