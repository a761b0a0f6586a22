"""Reading the log out of its rows: in which order, and how far somebody has got, as a word for an address."""

from collections.abc import Mapping
from typing import Annotated

import msgspec
from msgspec import Meta

from contracts.events import Json
from contracts.topics import TOPICS
from services.query.cursors import opened, sealed

Place = Mapping[tuple[str, int], int]
"""Topic and partition → the offset that comes next; 0 where there is none."""

# What asks for an analysis comes before what was found, even where both have the same millisecond.
ASKING = tuple(topic for topic in TOPICS if "analyzer" in topic.consumers)
RANK = f"(topic <> ALL ('{{{','.join(topic.name for topic in ASKING)}}}'))::int"
ORDER = f'append_time, {RANK}, topic, partition, "offset"'
"""The events of several partitions in one order, which is that of the log within each."""

_NAMESPACE = "framelog."
_PARTITIONS = {topic.name: topic.partitions for topic in TOPICS}
_OFFSETS = msgspec.msgpack.Decoder(dict[str, list[Annotated[int, Meta(ge=0, le=2**63 - 1)]]])

PARTITIONS = tuple((topic.name, number) for topic in TOPICS for number in range(topic.partitions))
"""Every one of the log, also those that hold nothing of any account's."""
BEGINNING: Place = dict.fromkeys(PARTITIONS, 0)


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
