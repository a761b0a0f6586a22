"""The tables of the read model as the fold sees them: a frozen state per row, and how it lies in columns."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import msgspec
import orjson

from contracts.analyses import Attempt, Fact, Failure
from contracts.events import Position
from contracts.read_model import accounts, algorithms, dead_letters, deliveries, images, jobs, posts
from contracts.read_model.params import params_key
from services.projector.searchable import drawn

Key = Hashable
State = Any
FactRow = tuple[Any, ...]
Rows = dict[str, dict[Key, State]]
"""Table → key → state."""

FACT_KEY = 5
_FAILURES = msgspec.json.Decoder(tuple[Failure, ...])


class EventRow(msgspec.Struct, frozen=True, kw_only=True):
    """An event as it was seen, and what the fold made of it."""

    event_id: UUID
    type: str
    position: Position
    time: datetime
    request_id: UUID | None
    causation_id: UUID | None
    traceparent: str | None = None
    owner: str | None
    actor: str | None
    aggregate: str
    image_id: UUID | None
    version: int | None = None
    reason: str | None = None
    data: bytes


class Parked(msgspec.Struct, frozen=True, kw_only=True):
    """A whole record that waits, encoded. `reason` where it is one that nobody can read."""

    position: Position
    lane: UUID
    time: datetime
    event_id: UUID | None
    owner: str | None
    reason: str | None
    record: bytes


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Table:
    """`columns` maps a name to its Postgres type, in the order of `values`. The first `key` columns are the key.

    `writing` says how its rows come to be: *add*, the fold is shown which keys stand, and adds others; *replace*, the
    fold is shown the states, made by `load` from a row of `columns`.
    """

    name: str
    columns: Mapping[str, str]
    key: int
    values: Callable[[State], tuple[Any, ...]]
    writing: Literal["add", "replace"]
    load: Callable[[Sequence[Any]], State] = tuple


def _event_values(row: EventRow) -> tuple[Any, ...]:
    at = row.position
    return (
        *(row.event_id, row.type, at.topic, at.partition, at.offset, row.time, row.request_id, row.causation_id),
        *(
            row.traceparent,
            row.owner,
            row.actor,
            row.aggregate,
            row.image_id,
            row.version,
            row.reason is None,
            row.reason,
            row.data,
        ),
    )


def _attempt_values(attempt: Attempt) -> tuple[Any, ...]:
    return (
        *(attempt.cause, attempt.group, attempt.image_id, attempt.owner, attempt.sha256, list(attempt.algorithms)),
        *(attempt.state, msgspec.json.encode(attempt.failures), attempt.started_at, attempt.finished_at),
    )


def _attempt(row: Sequence[Any]) -> Attempt:
    cause, group, image_id, owner, sha256, algorithms, state, failures, started_at, finished_at = row
    return Attempt(
        cause=cause,
        group=group,
        image_id=image_id,
        owner=owner,
        sha256=sha256,
        algorithms=tuple(algorithms),
        state=state,
        failures=_FAILURES.decode(failures),
        started_at=started_at,
        finished_at=finished_at,
    )


def _parked_values(parked: Parked) -> tuple[Any, ...]:
    at = parked.position
    return (
        *(at.topic, at.partition, at.offset, parked.lane, parked.time, parked.event_id, parked.owner, parked.reason),
        memoryview(parked.record),  # bytes are JSON already
    )


def fact_row(fact: Fact) -> FactRow:
    """A fact never changes, so its row is all that the fold needs of it: a state that is its own values."""
    found = fact.result
    search = drawn(found.algorithm, found.result)
    return (
        *(fact.image_id, fact.sha256, found.algorithm, params_key(found.params), found.version, fact.owner),
        *(orjson.dumps(found.params), fact.completed_at, orjson.dumps(found.result)),
        *(search.taken_at, search.camera, search.phash, list(search.terms) or None, list(search.words) or None),
    )


def _columns(text: str) -> dict[str, str]:
    return dict(column.split(" ") for column in text.split(", "))


TABLES = {
    table.name: table
    for table in (
        Table(
            name="events",
            columns=_columns(
                "event_id uuid, type text, topic text, partition int4, offset int8, append_time timestamptz, "
                "request_id uuid, causation_id uuid, traceparent text, owner text, actor text, aggregate text, "
                "image_id uuid, version int4, accepted bool, reason text, data jsonb"
            ),
            key=1,
            values=_event_values,
            writing="add",
        ),
        Table(
            name="accounts",
            columns=dict(accounts.COLUMNS),
            key=1,
            values=accounts.values,
            writing="replace",
            load=accounts.placed,
        ),
        Table(
            name="images",
            columns=dict(images.COLUMNS),
            key=1,
            values=images.values,
            writing="replace",
            load=images.placed,
        ),
        Table(
            name="jobs",
            columns=dict(jobs.COLUMNS),
            key=1,
            values=jobs.values,
            writing="replace",
            load=jobs.job,
        ),
        Table(
            name="posts",
            columns=dict(posts.COLUMNS),
            key=1,
            values=posts.values,
            writing="replace",
            load=posts.placed,
        ),
        Table(
            name="likes",
            columns=dict(posts.LIKE_COLUMNS),
            key=2,
            values=posts.like_values,
            writing="replace",
            load=posts.like,
        ),
        Table(
            name="follows",
            columns=dict(posts.FOLLOW_COLUMNS),
            key=2,
            values=posts.follow_values,
            writing="replace",
            load=posts.follow,
        ),
        Table(
            name="deliveries",
            columns=dict(deliveries.COLUMNS),
            key=1,
            values=deliveries.values,
            writing="add",
        ),
        Table(
            name="letters",
            columns=dict(dead_letters.COLUMNS),
            key=1,
            values=dead_letters.values,
            writing="replace",
            load=dead_letters.letter,
        ),
        Table(
            name="parked",
            columns=_columns(
                "topic text, partition int4, offset int8, lane uuid, append_time timestamptz, event_id uuid, "
                "owner text, reason text, record bytea"
            ),
            key=3,
            values=_parked_values,
            writing="add",
        ),
        Table(
            name="attempts",
            columns=_columns(
                "cause uuid, algorithm_group text, image_id uuid, owner text, sha256 text, algorithms text[], "
                "state text, failures jsonb, started_at timestamptz, finished_at timestamptz"
            ),
            key=2,
            values=_attempt_values,
            writing="replace",
            load=_attempt,
        ),
        Table(
            name="promotions",
            columns=dict(algorithms.COLUMNS),
            key=1,
            values=algorithms.values,
            writing="replace",
            load=algorithms.promotion,
        ),
        Table(
            name="facts",
            columns=_columns(
                "image_id uuid, sha256 text, algorithm text, params_key text, version int4, owner text, params jsonb, "
                "completed_at timestamptz, result jsonb, taken_at timestamptz, camera text, phash int8, "
                "terms text[], words text[]"
            ),
            key=FACT_KEY,
            values=tuple,
            writing="add",
        ),
    )
}
