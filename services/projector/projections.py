"""The table of contents of the read model: for each table, which topic it folds, cut by which keys, and how."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from msgspec.structs import replace

from contracts import accounts, analyses, images
from contracts.accounts import Account, AnyAccountEvent
from contracts.analyses import AnalysisCompleted, AnalysisEvent, Attempt
from contracts.events import Recorded, Rejected
from contracts.images import Image, ImageEvent
from contracts.read_model.placed import Placed
from contracts.topics import ACCOUNTS, ANALYSES, IMAGES
from services.projector.rows import FACT_KEY, EventRow, FactRow, Key, State, fact_row

Part = Any
"""What of an event concerns one key."""


@dataclass(frozen=True, slots=True)
class Projection:
    """`parts` names the keys an event touches; `apply` folds one part, seen in an event's row, into the state under
    its key.

    A Rejected is the event's verdict, and only the projection of a topic's own aggregate gives one.
    """

    topic: str
    parts: Callable[[Recorded[Any]], Iterable[tuple[Key, Part]]]
    apply: Callable[[State | None, EventRow, Part], State | Rejected]


def _whole_account(recorded: Recorded[AnyAccountEvent]) -> list[tuple[Key, AnyAccountEvent]]:
    return [(recorded.event.account, recorded.event)]


def _place_account(placed: Placed[Account] | None, row: EventRow, event: AnyAccountEvent) -> Placed[Account] | Rejected:
    account = accounts.apply(placed.state if placed else None, event, row.time)
    return account if isinstance(account, Rejected) else Placed(account, row.position)


def _whole_image(recorded: Recorded[ImageEvent]) -> list[tuple[Key, ImageEvent]]:
    return [(recorded.event.image_id, recorded.event)]


def _place_image(placed: Placed[Image] | None, row: EventRow, event: ImageEvent) -> Placed[Image] | Rejected:
    image = images.apply(placed.state if placed else None, event, row.time)
    return image if isinstance(image, Rejected) else Placed(image, row.position)


def _without_results(recorded: Recorded[AnalysisEvent]) -> list[tuple[Key, AnalysisEvent]]:
    event = recorded.event
    kept = replace(event, results=()) if isinstance(event, AnalysisCompleted) else event
    return [((event.cause, event.group), kept)]


def _attempt(attempt: Attempt | None, row: EventRow, event: AnalysisEvent) -> Attempt:
    return analyses.apply(attempt, event, row.time)


def _each_result(recorded: Recorded[AnalysisEvent]) -> list[tuple[Key, FactRow]]:
    event = recorded.event
    if not isinstance(event, AnalysisCompleted):
        return []
    rows = [fact_row(analyses.found(event, result, recorded.time)) for result in event.results]
    return [(row[:FACT_KEY], row) for row in rows]


def _first(fact: FactRow | None, _: EventRow, found: FactRow) -> FactRow:
    return fact or found


PROJECTIONS: Mapping[str, Projection] = {
    "accounts": Projection(ACCOUNTS.name, _whole_account, _place_account),
    "images": Projection(IMAGES.name, _whole_image, _place_image),
    "attempts": Projection(ANALYSES.name, _without_results, _attempt),
    "facts": Projection(ANALYSES.name, _each_result, _first),
}
TOPICS = tuple(dict.fromkeys(projection.topic for projection in PROJECTIONS.values()))
