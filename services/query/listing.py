"""A page of images as somebody sees them."""

from dataclasses import dataclass
from uuid import UUID

from adapters.read_model import ReadModel
from contracts.events import Json
from contracts.permissions import Principal
from contracts.resources.images import Described, image_json, public_json
from services.query.looking import may_see, owns
from services.query.search import Question, search


@dataclass(frozen=True, slots=True)
class Listed:
    """`next` is the cursor of the page that follows, if one does."""

    items: list[dict[str, Json]]
    next: str | None


async def listed(
    read_model: ReadModel, asked: Question, who: Principal, near: UUID | None, limit: int, cursor: str | None
) -> Listed:
    """`near` is the image that they are to look like. Raises the Problem `invalid-request` for a foreign cursor."""
    found = await search(read_model, asked, near, limit, cursor)
    images = await read_model.images(found.ids)
    if asked.whose == "every":
        return Listed([public_json(one) for one in images], found.next)
    if asked.whose == "public":
        images = [one for one in images if may_see(who, one)]  # it may have changed between the two questions
    return Listed([seen_by(who, one) for one in images], found.next)


def seen_by(who: Principal, image: Described) -> dict[str, Json]:
    return image_json(image) if owns(who, image) else public_json(image)
