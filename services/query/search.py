"""Searching images: a question becomes fragments and values, these become pages of ids."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from adapters.read_model import ReadModel
from contracts.events import Json
from contracts.permissions import Principal, decide
from contracts.problems import FieldError, Problem, invalid
from services.query import fragments
from services.query.bound import Values, values, words_of
from services.query.cursors import decoded, encoded, foreign
from services.query.filters import Filters
from services.query.fragments import Fragment, Order

EVERYBODY = "*"
"""As `owner`, all accounts there are; no account can be called that."""
OF_PUBLIC = frozenset({"owner", "tag", "min_width", "min_height"})
"""What a public view shows of an image may be asked of it, and nothing else."""


Whose = Literal["own", "public", "every"]


@dataclass(frozen=True, slots=True)
class Question:
    """A search of images: of all one's own, of another's `public` ones, or of `every` one there is."""

    owner: str
    whose: Whose
    filters: Filters

    @property
    def orders(self) -> Sequence[Order]:
        orders = fragments.ORDERS[self.filters.sort]
        return orders[:1] if {"taken_after", "taken_before"} & self.filters.asked() else orders

    def json(self) -> Json:
        """What a cursor of this question must be asked with again."""
        return [self.owner, self.whose, self.filters.model_dump(mode="json", exclude={"limit", "cursor"})]


@dataclass(frozen=True, slots=True)
class Found:
    """The images of a page in their order, and the cursor of the next one."""

    ids: list[UUID]
    next: str | None = None


def question(filters: Filters, who: Principal) -> Question:
    """Raises the Problems `forbidden`, and `invalid-request` for what may not be asked of another's images."""
    if filters.owner in (None, who.account):
        return Question(who.account, "own", filters)
    if filters.owner == EVERYBODY and decide(who, "administer") != "allowed":
        raise Problem("forbidden", "Everybody's images are listed to admins alone.")
    hidden = filters.asked() - OF_PUBLIC
    if filters.sort.strip("-") != "created_at":
        hidden |= {"sort"}
    if hidden:
        raise invalid(*(_hidden(name) for name in sorted(hidden)))
    return Question(str(filters.owner), "every" if filters.owner == EVERYBODY else "public", filters)


async def search(
    read_model: ReadModel, asked: Question, near: UUID | None, limit: int, cursor: str | None = None
) -> Found:
    """At most `limit` images, those after `cursor`. `near` is the image that they are to look like."""
    begin, *after = _place(cursor, asked) if cursor else [0]
    bound = await values(read_model, asked.owner, asked.filters, near)
    if bound is None:
        return Found([])
    texts, bound_words = await words_of(read_model, asked.owner, asked.filters.q)
    conditions, bound = [*_conditions(asked), *texts], bound | bound_words
    rows: list[tuple[int, dict[str, Any]]] = []
    for number, order in enumerate(asked.orders[begin:], begin):
        query, placed = _continued(order, conditions, after)
        read = await read_model.rows(query, {**bound, **placed, "limit": limit + 1 - len(rows)}, planned=False)
        rows, after = [*rows, *((number, row) for row in read)], []
        if len(rows) > limit:
            return Found(_ids(rows[:limit]), encoded(_end(*rows[limit - 1]), asked.json()))
    return Found(_ids(rows))


def _place(cursor: str, asked: Question) -> list[Any]:
    """Which order the next page begins in, the key and the id it begins after. The keys of all orders have one type.

    Raises the Problem `invalid-request`.
    """
    place = decoded(cursor, asked.json(), ("int", asked.orders[0].type, "uuid"))
    if place[0] >= len(asked.orders):
        raise foreign()
    return place


def _conditions(asked: Question) -> list[Fragment]:
    """Whose images, which of them, and every filter that is a fragment of its own."""
    filters, used = asked.filters, asked.filters.asked()
    scope = "deleted" if filters.deleted else asked.whose
    found = [fragments.OF[scope], *(fragment for name, fragment in fragments.BY_FILTER.items() if name in used)]
    if filters.origin is None:
        found.append(fragments.NOT_FOR_JOBS)
    if filters.status:
        found.append(fragments.STATUS[filters.status])
    return found


def _continued(order: Order, conditions: list[Fragment], after: Sequence[Any]) -> tuple[str, Values]:
    if not after:
        return fragments.statement(order, conditions), {}
    key, image_id = after
    return fragments.statement(order, [*conditions, order.after()]), {"after_key": key, "after_id": image_id}


def _ids(rows: list[tuple[int, dict[str, Any]]]) -> list[UUID]:
    return [row["image_id"] for _, row in rows]


def _end(part: int, row: dict[str, Any]) -> list[Json]:
    return [part, row["key"], row["image_id"]]


def _hidden(name: str) -> FieldError:
    return FieldError(pointer=f"/query/{name}", detail="can be asked of one's own images only")
