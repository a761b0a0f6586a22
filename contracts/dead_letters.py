"""Topic `framelog.dead-letters`: what a consumer could not read, kept whole so that it can be tried again."""

from base64 import b64decode, b64encode
from datetime import datetime
from typing import Annotated, Literal, assert_never
from uuid import UUID

from msgspec import Meta, Struct
from msgspec.structs import replace

from contracts.events import Record, Rejected, Slug, Undecodable, Version

Offset = Annotated[int, Meta(ge=0, le=2**63 - 1)]
State = Literal["buried", "retried", "discarded"]

MOST_DETAIL = 2_000
PROJECTOR = "projector"
"""The consumer by whose dead letters others wait."""


class AboutRecord(Struct, frozen=True, kw_only=True):
    """Which consumer skipped which record. `record_key` is base64 of the original key. No event itself."""

    consumer: str
    topic: str
    partition: Version
    offset: Offset
    record_key: str | None

    def raw_key(self) -> bytes:
        """The record's own key, so that all about a dead letter lies in the order of the key it holds up."""
        return b64decode(self.record_key or "")


class RecordBuried(AboutRecord, frozen=True, kw_only=True):
    """A record that one consumer skipped. `value` and header values are base64 of the original bytes."""

    appended_at: datetime
    reason: str
    detail: str
    value: str | None
    headers: tuple[tuple[str, str], ...]

    def record(self) -> Record:
        """The record as it was."""
        return Record(
            topic=self.topic,
            partition=self.partition,
            offset=self.offset,
            time=self.appended_at,
            key=None if self.record_key is None else b64decode(self.record_key),
            value=None if self.value is None else b64decode(self.value),
            headers=tuple((name, b64decode(value)) for name, value in self.headers),
        )


class RetryRequested(AboutRecord, frozen=True, kw_only=True):
    """The consumer is to read it once more. `original` is there for consumers that keep nothing themselves."""

    letter: UUID
    owner: Slug
    actor: Slug
    original: RecordBuried | None = None


class Discarded(AboutRecord, frozen=True, kw_only=True):
    """The record is left out for good, whatever code reads the log."""

    letter: UUID
    owner: Slug
    actor: Slug


DeadLetterEvent = RecordBuried | RetryRequested | Discarded


class Letter(Struct, frozen=True, kw_only=True):
    """A dead letter as the log tells it. `tries` counts every reading that was asked for, the first one included."""

    letter: UUID
    buried: RecordBuried
    buried_at: datetime
    state: State = "buried"
    tries: int = 1
    settled_at: datetime | None = None
    settled_by: str | None = None


def apply(letter: Letter | None, event: DeadLetterEvent, letter_id: UUID, time: datetime) -> Letter | Rejected:
    """Fold one event, appended at `time`, into its letter. Pure. What the projector keeps is retried once: newer code
    reads it again by itself.

    Rejected reasons: `no-such-dead-letter`, `dead-letter-retried`, `dead-letter-discarded`.
    """
    match event:
        case RecordBuried():
            return letter or Letter(letter=letter_id, buried=event, buried_at=time)
        case RetryRequested():
            return _settled(letter, "retried", event.actor, time)
        case Discarded():
            return _settled(letter, "discarded", event.actor, time)
        case _:
            assert_never(event)


def _settled(
    letter: Letter | None, state: Literal["retried", "discarded"], by: str, time: datetime
) -> Letter | Rejected:
    if letter is None:
        return Rejected("no-such-dead-letter")
    if letter.state == "discarded":
        return Rejected("dead-letter-discarded")
    if letter.state == state and letter.buried.consumer == PROJECTOR:
        return Rejected("dead-letter-retried")
    return replace(letter, state=state, tries=letter.tries + (state == "retried"), settled_at=time, settled_by=by)


def bury(record: Record, error: Undecodable, consumer: str) -> RecordBuried:
    """The dead letter of a record, from which the record can be made again byte for byte.

    But for the character U+0000 in a header's name: no event can hold it.
    """
    return RecordBuried(
        consumer=consumer,
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        appended_at=record.time,
        reason=error.reason,
        detail=_text(error.detail)[:MOST_DETAIL],
        record_key=_base64(record.key),
        value=_base64(record.value),
        headers=tuple((_text(name), _base64(value) or "") for name, value in record.headers),
    )


def letter_of(event_id: UUID, event: DeadLetterEvent) -> UUID:
    """The dead letter that an event is about: one's id is the id of the event that opens it."""
    return event_id if isinstance(event, RecordBuried) else event.letter


def without_original(event: DeadLetterEvent) -> DeadLetterEvent:
    """What is kept of an event among all others: the original lies with its letter."""
    match event:
        case RecordBuried():
            return replace(event, record_key=None, value=None, headers=())
        case RetryRequested():
            return replace(event, record_key=None, original=None)
        case _:
            return replace(event, record_key=None)


def _text(text: str) -> str:
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}")


def _base64(data: bytes | None) -> str | None:
    return None if data is None else b64encode(data).decode()
