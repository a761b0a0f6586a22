"""The table of contents of the read model: for each table, which topic it folds, cut by which keys, and how."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from msgspec.structs import replace

from contracts import accounts, algorithms, analyses, dead_letters, deliveries, follows, images, jobs, posts
from contracts.accounts import Account, AnyAccountEvent
from contracts.algorithms import Promotion, VersionPromoted
from contracts.analyses import AnalysisCompleted, AnalysisEvent, Attempt
from contracts.dead_letters import DeadLetterEvent, Letter
from contracts.deliveries import Delivery, DeliveryEvent
from contracts.events import Recorded, Rejected
from contracts.follows import AnyFollowEvent, Follow
from contracts.images import Image, ImageEvent
from contracts.jobs import Job
from contracts.posts import Like, Post, PostEvent, PostLiked, PostUnliked
from contracts.read_model.placed import Placed
from contracts.topics import (
    ACCOUNTS,
    ALGORITHMS,
    ANALYSES,
    DEAD_LETTERS,
    DELIVERIES,
    FOLLOWS,
    IMAGES,
    POSTS,
    REANALYSIS,
)
from services.projector.rows import FACT_KEY, EventRow, FactRow, Key, State, fact_row

Part = Any
"""What of an event concerns one key."""


@dataclass(frozen=True, slots=True)
class Projection:
    """`parts` names the keys an event touches; `apply` folds one part, seen in an event's row, into the state under
    its key.

    A Rejected is the event's verdict, and only the projection of a topic's own aggregate gives one: it stands first,
    and nothing else of a rejected event is folded. `beside` names a table whose state under the same event's key is
    handed to `apply` as well.
    """

    topic: str
    parts: Callable[[Recorded[Any]], Iterable[tuple[Key, Part]]]
    apply: Callable[..., State | Rejected]
    beside: str | None = None


def _whole_account(recorded: Recorded[AnyAccountEvent]) -> list[tuple[Key, AnyAccountEvent]]:
    return [(recorded.event.account, recorded.event)]


def _place_account(placed: Placed[Account] | None, row: EventRow, event: AnyAccountEvent) -> Placed[Account] | Rejected:
    account = accounts.apply(placed.state if placed else None, event, row.time)
    return account if isinstance(account, Rejected) else Placed(account, row.position)


def _whole_image(recorded: Recorded[ImageEvent]) -> list[tuple[Key, ImageEvent]]:
    return [(recorded.event.image_id, recorded.event)]


def _place_image(placed: Placed[Image] | None, row: EventRow, event: ImageEvent) -> Placed[Image] | Rejected | None:
    before = placed.state if placed else None
    image = images.apply(before, event, row.time)
    if image is None or image is before:
        return placed
    return image if isinstance(image, Rejected) else Placed(image, row.position)


def _its_job(recorded: Recorded[ImageEvent]) -> list[tuple[Key, ImageEvent]]:
    job_id = jobs.job_of(recorded.cause.event_id, recorded.event)
    return [(job_id, recorded.event)] if job_id else []


def _job(job: Job | None, row: EventRow, event: ImageEvent) -> Job | None:
    return jobs.apply(job, row.event_id, event, row.time)


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


def _its_algorithm(recorded: Recorded[VersionPromoted]) -> list[tuple[Key, VersionPromoted]]:
    return [(recorded.event.algorithm, recorded.event)]


def _promote(promotion: Promotion | None, row: EventRow, event: VersionPromoted) -> Promotion | Rejected:
    return algorithms.apply(promotion, event, row.time)


def _whole_post(recorded: Recorded[PostEvent]) -> list[tuple[Key, PostEvent]]:
    return [(recorded.event.post_id, recorded.event)]


def _place_post(
    placed: Placed[Post] | None, row: EventRow, event: PostEvent, like: Like | None
) -> Placed[Post] | Rejected:
    post = posts.apply(placed.state if placed else None, like, event, row.time)
    return post if isinstance(post, Rejected) else Placed(post, row.position)


def _each_like(recorded: Recorded[PostEvent]) -> list[tuple[Key, PostLiked | PostUnliked]]:
    event = recorded.event
    return [((event.post_id, event.owner), event)] if isinstance(event, PostLiked | PostUnliked) else []


def _like(like: Like | None, row: EventRow, event: PostLiked | PostUnliked) -> Like:
    return posts.liked(like, event, row.time)


def _each_follow(recorded: Recorded[AnyFollowEvent]) -> list[tuple[Key, AnyFollowEvent]]:
    return [((recorded.event.follower, recorded.event.account), recorded.event)]


def _follow(follow: Follow | None, row: EventRow, event: AnyFollowEvent) -> Follow | Rejected:
    return follows.apply(follow, event, row.time)


def _its_delivery(recorded: Recorded[DeliveryEvent]) -> list[tuple[Key, DeliveryEvent]]:
    return [(recorded.cause.event_id, recorded.event)]


def _ended(_: Delivery | None, row: EventRow, event: DeliveryEvent) -> Delivery:
    return deliveries.ended(row.event_id, event, row.time)


def _its_letter(recorded: Recorded[DeadLetterEvent]) -> list[tuple[Key, DeadLetterEvent]]:
    return [(dead_letters.letter_of(recorded.cause.event_id, recorded.event), recorded.event)]


def _letter(letter: Letter | None, row: EventRow, event: DeadLetterEvent) -> Letter | Rejected:
    return dead_letters.apply(letter, event, row.event_id, row.time)


PROJECTIONS: Mapping[str, Projection] = {
    "accounts": Projection(ACCOUNTS.name, _whole_account, _place_account),
    "images": Projection(IMAGES.name, _whole_image, _place_image),
    "jobs": Projection(IMAGES.name, _its_job, _job),
    "attempts": Projection(ANALYSES.name, _without_results, _attempt),
    "facts": Projection(ANALYSES.name, _each_result, _first),
    "promotions": Projection(ALGORITHMS.name, _its_algorithm, _promote),
    "posts": Projection(POSTS.name, _whole_post, _place_post, beside="likes"),
    "likes": Projection(POSTS.name, _each_like, _like),
    "follows": Projection(FOLLOWS.name, _each_follow, _follow),
    "deliveries": Projection(DELIVERIES.name, _its_delivery, _ended),
    "letters": Projection(DEAD_LETTERS.name, _its_letter, _letter),
}
SEEN_ALONE = (REANALYSIS.name,)
"""Topics whose events change no row but their own in `events`."""
TOPICS = (*dict.fromkeys(projection.topic for projection in PROJECTIONS.values()), *SEEN_ALONE)
