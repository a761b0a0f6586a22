"""What is owed: which callbacks follow from an event that asked for one and from what became of it. Pure."""

from collections.abc import Sequence, Set
from dataclasses import dataclass
from datetime import datetime
from typing import assert_never
from uuid import UUID

from contracts import ids
from contracts.analyses import Outcome
from contracts.images import AnalysisRequested, CallbackTo, FetchFailed, ImageUploaded


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """An accepted event with a callback. `request` is what the client asked: the event itself, or what caused it."""

    event_id: UUID
    request: UUID
    event: AnalysisRequested | ImageUploaded | FetchFailed
    offset: int
    time: datetime
    traceparent: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """What one algorithm group made of an event that asked. `outcome` is the id of the event that says so."""

    outcome: UUID
    event: Outcome
    started_at: datetime | None
    time: datetime
    traceparent: str | None

    @property
    def algorithms(self) -> frozenset[str]:
        return frozenset(one.algorithm for one in self.event.wanted)


@dataclass(frozen=True, slots=True, kw_only=True)
class Owed:
    """One thing to tell. `job` is the job it is about, None where it is about the image; `since` is when it was so, by
    the event that `traceparent` came with."""

    delivery: UUID
    asked: Asked
    to: CallbackTo
    job: UUID | None
    ended: Ended | None
    since: datetime
    traceparent: str | None


def owed(asked: Asked, ended: Sequence[Ended], running: Set[str]) -> list[Owed]:
    """What can be told by now, delivered or not. `running` are the algorithms of this house: no other will ever end."""
    event, to = asked.event, asked.event.callback
    if to is None:
        return []
    match event:
        case FetchFailed():
            return [_of_job(asked, to, event.job, asked.event_id)]
        case AnalysisRequested():
            return _analyzed_job(asked, to, event.retry_of or asked.event_id, ended)
        case ImageUploaded(job=UUID() as job, origin="job"):
            return _analyzed_job(asked, to, job, ended)
        case ImageUploaded(job=UUID() as job):
            return [_of_job(asked, to, job, asked.event_id), *_analyzed_image(asked, to, ended, running)]
        case ImageUploaded():
            return _analyzed_image(asked, to, ended, running)
        case _:
            assert_never(event)


def _analyzed_job(asked: Asked, to: CallbackTo, job: UUID, ended: Sequence[Ended]) -> list[Owed]:
    """A job is about the first algorithm that its request wants."""
    about = _wanted(asked)[0]
    return [_of_job(asked, to, job, one.outcome, one) for one in ended if about in one.algorithms][:1]


def _analyzed_image(asked: Asked, to: CallbackTo, ended: Sequence[Ended], running: Set[str]) -> list[Owed]:
    """Once for all groups: the last to end makes it so."""
    done = frozenset[str]().union(*(one.algorithms for one in ended))
    if not running & frozenset(_wanted(asked)) <= done:
        return []
    last: Ended | Asked = max(ended, key=lambda one: one.time, default=asked)
    delivery = ids.delivery(ids.analyzed(asked.event_id))
    return [
        Owed(delivery=delivery, asked=asked, to=to, job=None, ended=None, since=last.time, traceparent=last.traceparent)
    ]


def _of_job(asked: Asked, to: CallbackTo, job: UUID, outcome: UUID, ended: Ended | None = None) -> Owed:
    last = ended or asked
    return Owed(
        delivery=ids.delivery(outcome),
        asked=asked,
        to=to,
        job=job,
        ended=ended,
        since=last.time,
        traceparent=last.traceparent,
    )


def _wanted(asked: Asked) -> list[str]:
    return [] if isinstance(asked.event, FetchFailed) else [one.algorithm for one in asked.event.wanted]
