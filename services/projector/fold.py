"""The heart: prior rows and a batch of events in, changed rows out. Pure, and the same however the log is cut."""

from collections.abc import Sequence
from typing import Any

import msgspec

from contracts.codec import key_of
from contracts.events import Recorded, Rejected
from contracts.read_model.images import Placed
from services.projector.projections import PROJECTIONS, Projection
from services.projector.rows import EventRow, Rows, State

Batch = Sequence[Recorded[Any]]

_OF_TOPIC: dict[str, list[tuple[str, Projection]]] = {}
for _table, _projection in PROJECTIONS.items():
    _OF_TOPIC.setdefault(_projection.topic, []).append((_table, _projection))


def touched(batch: Batch) -> Rows:
    """The keys whose prior state `fold` must be given, by table; every state is None."""
    rows: Rows = {table: {} for table in ("events", *PROJECTIONS)}
    for recorded in batch:
        rows["events"][recorded.cause.event_id] = None
        for table, projection in _OF_TOPIC[recorded.position.topic]:
            rows[table].update((key, None) for key, _ in projection.parts(recorded.event))
    return rows


def fold(prior: Rows, batch: Batch) -> Rows:
    """The rows a batch changes or adds, given the prior state of what it touches (`touched`).

    An event whose id was seen before, in `prior` or earlier in the batch, has no effect at all.
    """
    changed: Rows = {table: {} for table in prior}
    seen, events = prior["events"], changed["events"]
    for recorded in batch:
        event_id = recorded.cause.event_id
        if seen.get(event_id) is None and event_id not in events:
            events[event_id] = _event_row(recorded, _apply(prior, changed, recorded))
    return changed


def _apply(prior: Rows, changed: Rows, recorded: Recorded[Any]) -> State | Rejected:
    """Fold one event into every table of its topic; the answer is the verdict of its own aggregate."""
    verdict: State | Rejected = None
    for table, projection in _OF_TOPIC[recorded.position.topic]:
        rows, before = changed[table], prior[table]
        for key, part in projection.parts(recorded.event):
            standing = rows.get(key) or before.get(key)
            state = projection.apply(standing, recorded, part)
            verdict = verdict or state
            if state is not standing and not isinstance(state, Rejected):
                rows[key] = state
    return verdict


def _event_row(recorded: Recorded[Any], verdict: State | Rejected) -> EventRow:
    event, cause = recorded.event, recorded.cause
    return EventRow(
        event_id=cause.event_id,
        type=recorded.type,
        position=recorded.position,
        time=recorded.time,
        request_id=cause.request_id,
        causation_id=cause.causation_id,
        owner=getattr(event, "owner", None),
        actor=getattr(event, "actor", None),
        aggregate=key_of(event).decode(),
        image_id=getattr(event, "image_id", None),
        version=verdict.image.version if isinstance(verdict, Placed) else None,
        reason=verdict.reason if isinstance(verdict, Rejected) else None,
        data=msgspec.json.encode(event),
    )
