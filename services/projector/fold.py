"""The heart: prior rows and a batch of events in, changed rows out. Pure, and the same however the log is cut."""

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec.structs import replace

from contracts.codec import key_of
from contracts.dead_letters import DeadLetterEvent, letter_of, without_original
from contracts.events import Recorded, Rejected
from contracts.read_model.placed import Placed
from services.projector.projections import PROJECTIONS, TOPICS, Part
from services.projector.rows import EventRow, Key, Rows, State


class Cut(msgspec.Struct, frozen=True):
    """An event cut into its own row and its parts: what each table needs of it, under which key.

    The event itself is let go: held as objects, the results of a batch outgrow the processor's cache, and reading them
    anew from memory took a fifth of the projector's time.
    """

    row: EventRow
    parts: list[tuple[str, Key, Part]]


Batch = Sequence[Cut]

_OF_TOPIC = {topic: [(name, one.parts) for name, one in PROJECTIONS.items() if one.topic == topic] for topic in TOPICS}
_BESIDE = {table: one.beside for table, one in PROJECTIONS.items() if one.beside}
_APPLY = {table: projection.apply for table, projection in PROJECTIONS.items()}


def cut(recorded: Recorded[Any]) -> Cut:
    """An event as the tables need it, before any verdict."""
    found = _OF_TOPIC[recorded.position.topic]
    return Cut(_event_row(recorded), [(table, key, part) for table, parts in found for key, part in parts(recorded)])


def touched(batch: Batch) -> Rows:
    """The keys whose prior state `fold` must be given, by table; every state is None."""
    rows: Rows = {table: {} for table in ("events", *PROJECTIONS)}
    for one in batch:
        rows["events"][one.row.event_id] = None
        for table, key, _ in one.parts:
            rows[table][key] = None
    return rows


def fold(prior: Rows, batch: Batch) -> Rows:
    """The rows a batch changes or adds, given the prior state of what it touches (`touched`).

    An event whose id was seen before, in `prior` or earlier in the batch, has no effect at all.
    """
    changed: Rows = {table: {} for table in prior}
    seen, events = prior["events"], changed["events"]
    for one in batch:
        event_id = one.row.event_id
        if seen.get(event_id) is None and event_id not in events:
            events[event_id] = _judged(one.row, _apply(prior, changed, one))
    return changed


def _apply(prior: Rows, changed: Rows, one: Cut) -> State | Rejected:
    """Fold one event into every table of its topic; the answer is the verdict of its own aggregate."""
    verdict: State | Rejected = None
    for table, key, part in one.parts:
        rows = changed[table]
        standing = rows.get(key) or prior[table].get(key)
        if table in _BESIDE:
            state = _APPLY[table](standing, one.row, part, _beside(prior, changed, one, _BESIDE[table]))
        else:
            state = _APPLY[table](standing, one.row, part)
        if isinstance(state, Rejected):
            return state
        verdict = verdict or state
        if state is not standing:
            rows[key] = state
    return verdict


def _beside(prior: Rows, changed: Rows, one: Cut, wanted: str) -> State | None:
    """The state under the key that the event touches in another table."""
    keys = (key for table, key, _ in one.parts if table == wanted)
    return next((changed[wanted].get(key) or prior[wanted].get(key) for key in keys), None)


def _judged(row: EventRow, verdict: State | Rejected) -> EventRow:
    match verdict:
        case Placed():
            return replace(row, version=verdict.state.version)
        case Rejected():
            return replace(row, reason=verdict.reason)
        case _:
            return row


def _event_row(recorded: Recorded[Any]) -> EventRow:
    event, cause = recorded.event, recorded.cause
    if isinstance(event, DeadLetterEvent):  # its key is any bytes, and no text
        aggregate, event = str(letter_of(cause.event_id, event)), without_original(event)
    else:
        aggregate = key_of(event).decode()
    return EventRow(
        event_id=cause.event_id,
        type=recorded.type,
        position=recorded.position,
        time=recorded.time,
        request_id=cause.request_id,
        causation_id=cause.causation_id,
        traceparent=cause.traceparent,
        owner=getattr(event, "owner", None),
        actor=getattr(event, "actor", None),
        aggregate=aggregate,
        image_id=getattr(event, "image_id", None),
        data=msgspec.json.encode(event),
    )
