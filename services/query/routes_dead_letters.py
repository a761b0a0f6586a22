"""What consumers could not read, for admins to look at."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from adapters.http import Json
from adapters.principal import may
from contracts.permissions import Principal
from contracts.problems import Problem
from contracts.resources.dead_letters import SHOWN_IN_LISTS, dead_letter_json
from services.query.cursors import decoded, encoded
from services.query.filters import Text
from services.query.pages import Cursor, Limit, page
from services.query.parts import FRESH, Parts

ROUTES = APIRouter(tags=["admin"])

PAGE = """
SELECT * FROM dead_letters
WHERE (%(state)s::text IS NULL OR standing = %(state)s)
  AND (%(consumer)s::text IS NULL OR consumer = %(consumer)s)
  AND (%(time)s::timestamptz IS NULL OR (buried_at, letter) < (%(time)s::timestamptz, %(letter)s::uuid))
ORDER BY buried_at DESC, letter DESC LIMIT %(limit)s
"""

Admin = Annotated[Principal, may("administer")]
State = Annotated[Literal["buried", "retried", "discarded", "read"] | None, Query()]
Consumer = Annotated[Text | None, Query(description="projector, fetcher, analyzer-core, …")]


@ROUTES.get("/v1/admin/dead-letters")
async def list_dead_letters(
    request: Request,
    parts: Parts,
    who: Admin,
    state: State = None,
    consumer: Consumer = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Response:
    """What consumers could not read, the newest first. Originals of more than 64 KiB are shown alone."""
    question = ["dead-letters", state, consumer]
    time, letter = decoded(cursor, question, ("timestamptz", "uuid")) if cursor else (None, None)
    asked = {"state": state, "consumer": consumer, "time": time, "letter": letter, "limit": limit + 1}
    found = await parts.dead_letters.page(PAGE, asked)
    items = [dead_letter_json(one, SHOWN_IN_LISTS) for one in found[:limit]]
    last = found[limit - 1].letter if len(found) > limit else None
    following = encoded([last.buried_at.isoformat(), str(last.letter)], question) if last else None
    return page(request, items, following)


@ROUTES.get("/v1/admin/dead-letters/{letter_id}")
async def show_dead_letter(parts: Parts, who: Admin, letter_id: UUID) -> Response:
    """One of them, with all of the original bytes."""
    found = await parts.dead_letters.one(letter_id)
    if found is None:
        raise Problem("not-found", f"There is no dead letter {letter_id}.")
    return Json(dead_letter_json(found), headers=FRESH)
