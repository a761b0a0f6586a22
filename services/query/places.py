"""Reading the log out of its rows: in which order, and how far somebody has got, as a word for an address."""

from collections.abc import Mapping
from typing import Annotated

import msgspec
from msgspec import Meta

from contracts.events import Json
from contracts.images import AnalysisRequested
from contracts.topics import DEAD_LETTERS, TOPICS
from services.query.cursors import opened, sealed

Place = Mapping[tuple[str, int], int]
"""Topic and partition → the offset that comes next; 0 where there is none."""

# What asks for an analysis comes before what was found, even where both have the same millisecond.
ASKING = tuple(topic for topic in TOPICS if AnalysisRequested in topic.events.values())
RANK = f"(topic <> ALL ('{{{','.join(topic.name for topic in ASKING)}}}'))::int"
ORDER = f'append_time, {RANK}, topic, partition, "offset"'
"""The events of several partitions in one order, which is that of the log within each."""

RELEASED, WITHIN = "framelog.released", "framelog.within"
"""No topics, and counted like them: in a partition of the dead letters, which of them let go the last event that was
read, and one past that event's own offset."""

_NAMESPACE = "framelog."
_PARTITIONS = {topic.name: topic.partitions for topic in TOPICS} | dict.fromkeys(
    (RELEASED, WITHIN), DEAD_LETTERS.partitions
)
_OFFSETS = msgspec.msgpack.Decoder(dict[str, list[Annotated[int, Meta(ge=0, le=2**63 - 1)]]])

PARTITIONS = tuple((topic.name, number) for topic in TOPICS for number in range(topic.partitions))
"""Every one of the log, also those that hold nothing of any account's."""
BEGINNING: Place = {(name, number): 0 for name, partitions in _PARTITIONS.items() for number in range(partitions)}


def at_end(offsets: Place) -> Place:
    """The place of whoever has read all up to the ends of the partitions, what has been released there included."""
    letters = range(DEAD_LETTERS.partitions)
    released = {(RELEASED, number): offsets.get((DEAD_LETTERS.name, number), 0) for number in letters}
    return {**BEGINNING, **offsets, **released}


def word(place: Place, account: str) -> str:
    """Good for this account alone. Topics of which nothing has been read are left out."""
    offsets = {
        name.removeprefix(_NAMESPACE): [place.get((name, number), 0) for number in range(partitions)]
        for name, partitions in _PARTITIONS.items()
    }
    return sealed(msgspec.msgpack.encode({name: of for name, of in offsets.items() if any(of)}), _question(account))


def read(given: str, account: str) -> Place:
    """The place a word stands for. Raises ValueError for what this API has not made, or not for this account."""
    offsets = _OFFSETS.decode(opened(given, _question(account)))
    for name, of in offsets.items():
        if len(of) != _PARTITIONS.get(_NAMESPACE + name):
            raise ValueError(f"{name} has not so many partitions")
    found = {(_NAMESPACE + name, number): offset for name, of in offsets.items() for number, offset in enumerate(of)}
    return {**BEGINNING, **found}


def _question(account: str) -> Json:
    return ["events", account]
