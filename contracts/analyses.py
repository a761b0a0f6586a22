"""Topic `framelog.analyses`: what analyzers found. A fact names its model; the first in offset order stays."""

from datetime import datetime
from typing import Literal, assert_never
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from contracts.events import Json, Params, Sha256, Slug, Text, Version
from contracts.images import Wanted


class Result(Struct, frozen=True, kw_only=True):
    """What one version of one algorithm found in one picture. `result` fits the algorithm's own JSON Schema."""

    algorithm: Slug
    version: Version
    params: Params
    result: dict[str, Json]


class Failure(Struct, frozen=True, kw_only=True):
    """Why an algorithm has no result. `type` is the slug of a problem type (`contracts.problems`)."""

    algorithm: Slug
    type: Slug
    detail: Text
    params: Params = {}


class Analysis(Struct, frozen=True, kw_only=True):
    """What every event of one cause in one algorithm group says. Never an event itself."""

    image_id: UUID
    owner: Slug
    cause: UUID
    group: Slug
    sha256: Sha256
    wanted: tuple[Wanted, ...]


class AnalysisStarted(Analysis, frozen=True, kw_only=True):
    """An analyzer has taken the cause in hand for one algorithm group."""


class AnalysisCompleted(Analysis, frozen=True, kw_only=True):
    """At least one algorithm of the group has a result; `failures` names the others."""

    results: tuple[Result, ...]
    failures: tuple[Failure, ...] = ()


class AnalysisFailed(Analysis, frozen=True, kw_only=True):
    """No algorithm of the group has a result."""

    failures: tuple[Failure, ...]


AnalysisEvent = AnalysisStarted | AnalysisCompleted | AnalysisFailed
Outcome = AnalysisCompleted | AnalysisFailed
AttemptState = Literal["running", "completed", "failed"]


class Attempt(Struct, frozen=True, kw_only=True):
    """One cause in the hands of one algorithm group. The first outcome stays; a late start only dates it."""

    cause: UUID
    group: Slug
    image_id: UUID
    owner: Slug
    sha256: Sha256
    algorithms: tuple[str, ...]
    state: AttemptState
    failures: tuple[Failure, ...] = ()
    started_at: datetime | None = None
    finished_at: datetime | None = None


class Fact(Struct, frozen=True, kw_only=True):
    """A result, kept for ever under (image, sha256, algorithm, version, params)."""

    image_id: UUID
    owner: Slug
    sha256: Sha256
    result: Result
    completed_at: datetime


def apply(attempt: Attempt | None, event: AnalysisEvent, time: datetime) -> Attempt:
    """Fold one event, appended at `time`, into the attempt of its (cause, group)."""
    before = attempt or Attempt(
        cause=event.cause,
        group=event.group,
        image_id=event.image_id,
        owner=event.owner,
        sha256=event.sha256,
        algorithms=tuple(wanted.algorithm for wanted in event.wanted),
        state="running",
    )
    match event:
        case AnalysisStarted():
            return before if before.started_at else replace(before, started_at=time)
        case AnalysisCompleted() | AnalysisFailed() if before.finished_at:
            return before
        case AnalysisCompleted():
            return replace(before, state="completed", failures=event.failures, finished_at=time)
        case AnalysisFailed():
            return replace(before, state="failed", failures=event.failures, finished_at=time)
        case _:
            assert_never(event)


def found(event: AnalysisCompleted, result: Result, time: datetime) -> Fact:
    """One result of an event, appended at `time`, as the fact it is. The first under its key stays."""
    return Fact(image_id=event.image_id, owner=event.owner, sha256=event.sha256, result=result, completed_at=time)
