"""Searching a read model of the past, which nobody serves: what `GET /v1/images` would have answered then.

Nothing is newer than it, so no answer waits for the log.
"""

from collections.abc import AsyncIterator, Mapping
from uuid import UUID

from pydantic import ValidationError

from adapters.read_model import ReadModel
from contracts.events import Json
from contracts.permissions import Principal, decide
from contracts.problems import FieldError, Problem, invalid
from services.query.filters import Filters
from services.query.listing import listed
from services.query.looking import subject
from services.query.search import Question, question

LARGEST_PAGE = 200
ACCOUNT = "SELECT role FROM accounts WHERE name = %s"


async def account(read_model: ReadModel, name: str) -> Principal | None:
    """With the role it had then; None where nobody had signed up by that name."""
    found = await read_model.rows(ACCOUNT, (name,))
    return Principal(name, found[0]["role"]) if found else None


def asked(query: Mapping[str, Json], who: Principal) -> Question:
    """Filters by their names in the API. Raises the Problems `forbidden` and `invalid-request`."""
    try:
        return question(Filters.model_validate(query), who)
    except ValidationError as error:
        raise invalid(
            *(FieldError(pointer=f"/query/{one['loc'][0]}", detail=one["msg"]) for one in error.errors())
        ) from None


async def images(
    read_model: ReadModel, asked: Question, who: Principal, limit: int | None
) -> AsyncIterator[dict[str, Json]]:
    """The first `limit` images, or all. Raises the Problem `not-found` where `near` is none that `who` had."""
    near = await _near(read_model, asked.filters.near, who) if asked.filters.near else None
    cursor, left = None, limit
    while left is None or left > 0:
        page = await listed(read_model, asked, who, near, min(left or LARGEST_PAGE, LARGEST_PAGE), cursor)
        for item in page.items:
            yield item
        left = None if left is None else left - len(page.items)
        if (cursor := page.next) is None:
            return


async def _near(read_model: ReadModel, image_id: str, who: Principal) -> UUID:
    found = await read_model.image(UUID(image_id))
    if found is None or decide(who, "see-own-image", subject(found)) != "allowed":
        raise Problem("not-found", f"There was no image {image_id} of {who.account} then.")
    return found.image.image_id
