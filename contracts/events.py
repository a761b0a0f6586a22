"""The frame around every event: what caused it, and where and when the log put it."""

import re
from datetime import datetime
from typing import Annotated, Any, Generic, TypeVar
from uuid import UUID

from msgspec import Meta, Struct

E = TypeVar("E")

Json = Any  # a JSON value; Python's type system has no recursive alias that mypy and msgspec both accept
Params = dict[str, Json]

# What a field may hold, so that no event the codec accepts is too large for a column or an index of the read model.
Sha256 = Annotated[str, Meta(pattern="^[0-9a-f]{64}$", max_length=64)]
Slug = Annotated[str, Meta(min_length=1, max_length=100)]
Line = Annotated[str, Meta(max_length=500)]
Text = Annotated[str, Meta(max_length=20_000)]
Pixels = Annotated[int, Meta(ge=0, le=2**31 - 1)]
Bytes = Annotated[int, Meta(ge=0, le=2**53)]
Version = Annotated[int, Meta(ge=0, le=2**31 - 1)]


class Position(Struct, frozen=True):
    """One record of the log, as `topic:partition:offset`."""

    topic: str
    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.topic}:{self.partition}:{self.offset}"

    @classmethod
    def parse(cls, text: str) -> "Position":
        """Raises ValueError where `text` is not `topic:partition:offset`."""
        topic, partition, offset = text.rsplit(":", 2)
        if not (topic and partition.isascii() and partition.isdigit() and offset.isascii() and offset.isdigit()):
            raise ValueError(f"not a position: {text!r}")
        return cls(topic, int(partition), int(offset))


TRACEPARENT = re.compile("[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")


class Cause(Struct, frozen=True, kw_only=True):
    """What an event says of its own origin, carried in the CloudEvents headers.

    `event_id` is derived from kind and cause (`contracts.ids`), so that the same cause always makes the same
    event. `time` is the producer's clock: shown to people, never used by a fold. `traceparent` is where the trace goes
    on that it belongs to (W3C Trace Context).
    """

    event_id: UUID
    source: str
    time: datetime
    request_id: UUID | None = None
    causation_id: UUID | None = None
    traceparent: str | None = None


class Record(Struct, frozen=True, kw_only=True):
    """A record as Kafka holds it, before anyone has understood it. `time` is the log's append time."""

    topic: str
    partition: int
    offset: int
    time: datetime
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()

    @property
    def position(self) -> Position:
        return Position(self.topic, self.partition, self.offset)


class Message(Struct, frozen=True, kw_only=True):
    """A record about to be produced; the partition follows from the key."""

    topic: str
    key: bytes
    value: bytes
    headers: tuple[tuple[str, bytes], ...]


class Recorded(Struct, Generic[E], frozen=True, kw_only=True):
    """An event together with what the log knows of it.

    `time` is append time: for a fold the running maximum of the partition, so that it never falls.
    """

    event: E
    type: str
    cause: Cause
    position: Position
    time: datetime


class Rejected(Struct, frozen=True):
    """The fold's no: the state stands, and the history shows the proposal with this reason."""

    reason: str


class Undecodable(Exception):
    """A record that no retry will make readable: bury it.

    `reason` is one of `null-body`, `missing-header`, `malformed`, `unknown-type`, `newer-version`, `wrong-key`.
    """

    def __init__(self, reason: str, detail: str, position: Position) -> None:
        super().__init__(f"{position}: {reason}: {detail}")
        self.reason = reason
        self.detail = detail
        self.position = position


class TryLater(Exception):
    """A dependency is down or asks for patience: back off, then do the same again."""

    def __init__(self, detail: str, after: float | None = None) -> None:
        super().__init__(detail)
        self.after = after
