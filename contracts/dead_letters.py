"""Topic `framelog.dead-letters`: what a consumer could not read, kept whole so that it can be tried again."""

from base64 import b64decode, b64encode
from datetime import datetime

from msgspec import Struct

from contracts.events import Record, Undecodable


class RecordBuried(Struct, frozen=True, kw_only=True):
    """A record that one consumer skipped. `record_key`, `value` and header values are base64 of the original bytes."""

    consumer: str
    topic: str
    partition: int
    offset: int
    appended_at: datetime
    reason: str
    detail: str
    record_key: str | None
    value: str | None
    headers: tuple[tuple[str, str], ...]

    def raw_key(self) -> bytes:
        """The buried record's own key, so that a dead letter lies in the order of the key it holds up."""
        return b64decode(self.record_key or "")


def bury(record: Record, error: Undecodable, consumer: str) -> RecordBuried:
    """The dead letter of a record, from which the record can be made again byte for byte."""
    return RecordBuried(
        consumer=consumer,
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        appended_at=record.time,
        reason=error.reason,
        detail=error.detail,
        record_key=_base64(record.key),
        value=_base64(record.value),
        headers=tuple((name, _base64(value) or "") for name, value in record.headers),
    )


def _base64(data: bytes | None) -> str | None:
    return None if data is None else b64encode(data).decode()
