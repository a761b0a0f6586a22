"""A dead letter as an admin sees it."""

from base64 import b64decode
from dataclasses import dataclass
from typing import Literal

from contracts.dead_letters import Letter
from contracts.events import Json
from contracts.resources.images import time

SHOWN_IN_LISTS = 64 * 1024
"""Bytes of an original that a list shows; a longer one is shown alone."""


@dataclass(frozen=True, slots=True)
class Standing:
    """A letter and how it stands: `read` where newer code has read the record in its place. `parked` records wait."""

    letter: Letter
    state: Literal["buried", "retried", "discarded", "read"]
    parked: int


def dead_letter_json(standing: Standing, most: int | None = None) -> dict[str, Json]:
    """`key`, `value` and the values of headers are base64 of the original bytes. `value` is null for a tombstone, and
    where it has more than `most` bytes: `size` tells how many."""
    letter, buried = standing.letter, standing.letter.buried
    size = None if buried.value is None else len(b64decode(buried.value))
    return {
        "id": letter.letter,
        "state": standing.state,
        "consumer": buried.consumer,
        "topic": buried.topic,
        "partition": buried.partition,
        "offset": buried.offset,
        "reason": buried.reason,
        "detail": buried.detail,
        "appended_at": time(buried.appended_at),
        "buried_at": time(letter.buried_at),
        "tries": letter.tries,
        "parked": standing.parked,
        "settled_at": time(letter.settled_at),
        "settled_by": letter.settled_by,
        "size": size,
        "key": buried.record_key,
        "value": None if most is not None and (size or 0) > most else buried.value,
        "headers": buried.headers,
    }
