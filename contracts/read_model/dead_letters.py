"""The table `letters`: how a dead letter lies in columns."""

from collections.abc import Sequence
from typing import Any

import msgspec

from contracts.dead_letters import Letter, RecordBuried

COLUMNS = (
    ("letter", "uuid"),
    ("consumer", "text"),
    ("topic", "text"),
    ("partition", "int4"),
    ("offset", "int8"),
    ("appended_at", "timestamptz"),
    ("reason", "text"),
    ("detail", "text"),
    ("record_key", "text"),
    ("value", "text"),
    ("headers", "jsonb"),
    ("buried_at", "timestamptz"),
    ("state", "text"),
    ("tries", "int4"),
    ("settled_at", "timestamptz"),
    ("settled_by", "text"),
)
_HEADERS = msgspec.json.Decoder(tuple[tuple[str, str], ...])


def values(letter: Letter) -> tuple[Any, ...]:
    """A row of the table, in the order of COLUMNS."""
    buried = letter.buried
    return (
        *(letter.letter, buried.consumer, buried.topic, buried.partition, buried.offset, buried.appended_at),
        *(buried.reason, buried.detail, buried.record_key, buried.value, msgspec.json.encode(buried.headers)),
        *(letter.buried_at, letter.state, letter.tries, letter.settled_at, letter.settled_by),
    )


def letter(row: Sequence[Any]) -> Letter:
    """The letter of a row of COLUMNS, of which JSON is left encoded."""
    id_, consumer, topic, partition, offset, appended_at, reason, detail, record_key, value, headers, *rest = row
    buried_at, state, tries, settled_at, settled_by = rest
    return Letter(
        letter=id_,
        buried=RecordBuried(
            consumer=consumer,
            topic=topic,
            partition=partition,
            offset=offset,
            appended_at=appended_at,
            reason=reason,
            detail=detail,
            record_key=record_key,
            value=value,
            headers=_HEADERS.decode(headers),
        ),
        buried_at=buried_at,
        state=state,
        tries=tries,
        settled_at=settled_at,
        settled_by=settled_by,
    )
