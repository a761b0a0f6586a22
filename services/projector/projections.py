"""The table of contents of the read model: for each table, which topic it folds, cut by which keys, and how."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from contracts import analyses, images
from contracts.analyses import AnalysisCompleted, AnalysisEvent, Attempt, Fact, Result
from contracts.events import Recorded, Rejected
from contracts.images import ImageEvent
from contracts.read_model.images import Placed
from contracts.topics import ANALYSES, IMAGES
from services.projector.rows import Key, State, params_key

Part = Any
"""What of an event concerns one key."""


@dataclass(frozen=True, slots=True)
class Projection:
    """`parts` names the keys an event touches; `apply` folds one part into the state under its key.

    A Rejected is the event's verdict, and only the projection of a topic's own aggregate gives one.
    """

    topic: str
    parts: Callable[[Any], Iterable[tuple[Key, Part]]]
    apply: Callable[[State | None, Recorded[Any], Part], State | Rejected]


def _whole_image(event: ImageEvent) -> list[tuple[Key, ImageEvent]]:
    return [(event.image_id, event)]


def _place(placed: Placed | None, recorded: Recorded[ImageEvent], event: ImageEvent) -> Placed | Rejected:
    image = images.apply(placed.image if placed else None, event, recorded.time)
    return image if isinstance(image, Rejected) else Placed(image, recorded.position)


def _whole_attempt(event: AnalysisEvent) -> list[tuple[Key, AnalysisEvent]]:
    return [((event.cause, event.group), event)]


def _attempt(attempt: Attempt | None, recorded: Recorded[AnalysisEvent], event: AnalysisEvent) -> Attempt:
    return analyses.apply(attempt, event, recorded.time)


def _each_result(event: AnalysisEvent) -> list[tuple[Key, Result]]:
    if not isinstance(event, AnalysisCompleted):
        return []
    return [
        ((event.image_id, event.sha256, found.algorithm, params_key(found.params), found.version), found)
        for found in event.results
    ]


def _fact(fact: Fact | None, recorded: Recorded[AnalysisCompleted], result: Result) -> Fact:
    return analyses.found(fact, recorded.event, result, recorded.time)


PROJECTIONS: Mapping[str, Projection] = {
    "images": Projection(IMAGES.name, _whole_image, _place),
    "attempts": Projection(ANALYSES.name, _whole_attempt, _attempt),
    "facts": Projection(ANALYSES.name, _each_result, _fact),
}
TOPICS = tuple(dict.fromkeys(projection.topic for projection in PROJECTIONS.values()))
