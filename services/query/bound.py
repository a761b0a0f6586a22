"""What a search binds: each filter's value as the SQL compares it."""

from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from adapters.read_model import ReadModel
from contracts.read_model.colors import cells_near
from contracts.read_model.words import begins_with_all, words
from services.query import fragments
from services.query.filters import DISTANCE, Filters
from services.query.fragments import Fragment

MOST_CAPTIONED = 1_000
"""With more captions than these a word is common: images are then asked one by one."""

Values = dict[str, Any]

_AS: Mapping[str, Callable[[Any], Any]] = {
    "tag": list,
    "sha256": str.lower,
    "color": lambda color: cells_near("#" + color.removeprefix("#")),
    "label": lambda label: [f"label:{label.casefold()[:100]}"],
}
"""How a filter's value is stored, where that is not how it is asked."""


async def values(read_model: ReadModel, owner: str, filters: Filters, near: UUID | None) -> Values | None:
    """By filter; None where nothing can be found: no such camera, or no hash of `near` yet."""
    bound: Values = {name: getattr(filters, name) for name in filters.asked()} | {"owner": owner}
    bound |= {name: stored(bound[name]) for name, stored in _AS.items() if name in bound}
    if filters.camera:
        bound["camera"] = await _cameras(read_model, owner, filters.camera)
    if near:
        bound["near"] = await _hash(read_model, near)
        bound["distance"] = DISTANCE if filters.distance is None else filters.distance
    return None if bound.get("camera") == [] or None in bound.values() else bound


async def words_of(read_model: ReadModel, owner: str, text: str) -> tuple[list[Fragment], Values]:
    """A fragment for each word of a text, and what they bind."""
    terms = [begins_with_all([word]) for word in words(text)]
    captioned = await _captioned(read_model, owner, terms) if terms else {}
    bound: Values = {}
    for number, term in enumerate(terms):
        bound |= {f"word{number}": term, f"captioned{number}": captioned[term]}
    few = [len(captioned[term]) <= MOST_CAPTIONED for term in terms]
    return [fragments.word(number, captioned=one) for number, one in enumerate(few)], bound


async def _captioned(read_model: ReadModel, owner: str, terms: list[str]) -> dict[str, list[UUID]]:
    """Images by the term that their caption fits, one more than MOST_CAPTIONED if there are as many."""
    asked = {"owner": owner, "words": terms, "most": MOST_CAPTIONED + 1}
    return {row["word"]: row["images"] for row in await read_model.rows(fragments.CAPTIONED, asked)}


async def _cameras(read_model: ReadModel, owner: str, part: str) -> list[str]:
    """The owner's cameras whose make and model hold `part`."""
    escaped = part.casefold().replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_")
    rows = await read_model.rows(fragments.CAMERAS, {"owner": owner, "pattern": f"%{escaped}%"})
    return [row["camera"] for row in rows]


async def _hash(read_model: ReadModel, image_id: UUID) -> int | None:
    rows = await read_model.rows(fragments.HASH, (image_id,))
    return rows[0]["phash"] if rows else None
