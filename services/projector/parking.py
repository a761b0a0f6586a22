"""What waits behind a record that nobody can read: later records of its key, in its partition. Pure.

Which records wait and which are folded follows from the records and from what has been discarded, never from which of
the two was seen first.
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from uuid import UUID

import msgspec
from msgspec.structs import replace

from contracts import ids
from contracts.codec import decode
from contracts.events import Position, Record, Undecodable
from contracts.topics import DEAD_LETTERS
from services.projector.fold import Cut, cut
from services.projector.rows import Parked

_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(Record)


class Read(msgspec.Struct, frozen=True):
    """A record, and what it says, at the running maximum of its partition's times; or why nobody can tell."""

    record: Record
    time: datetime
    said: Cut | Undecodable


class Freed(msgspec.Struct, frozen=True):
    """What let a key go on without a record: its position in the dead letters, and when."""

    position: Position
    time: datetime


class Released(msgspec.Struct, frozen=True):
    """An event that came into sight at another position than its own."""

    event_id: UUID
    at: Position


class Sieve:
    """`held` are the lanes in which something waits, `discarded` the records that are left out.

    With `freed`, what was discarded and when, it is also found out what must have waited for that.
    """

    def __init__(
        self,
        held: Collection[UUID] = (),
        discarded: Collection[Position] = (),
        freed: Mapping[Position, Freed] | None = None,
    ) -> None:
        self._held = set(held)
        self._freed = freed or {}
        self._discarded = discarded or self._freed
        self._went: dict[UUID, Freed] = {}
        self.parked: list[Parked] = []
        self.released: list[Released] = []

    def sift(self, batch: Iterable[Read]) -> list[Cut]:
        """The events of some records, in their order, that nothing holds up; the others are `parked` from now on."""
        return [one for read in batch if (one := self._passing(read))]

    def taken(self) -> tuple[list[Parked], list[Released]]:
        """What was parked and released since this was asked last."""
        taken = self.parked, self.released
        self.parked, self.released = [], []
        return taken

    def _passing(self, read: Read) -> Cut | None:
        record, said = read.record, read.said
        if record.topic == DEAD_LETTERS.name:  # what sets records free waits for none
            return said if isinstance(said, Cut) else None
        if not (self._held or self._discarded) and isinstance(said, Cut):
            return said
        here = lane(record)
        if self._discarded and record.position in self._discarded:
            self._go_on(here, record.position)
            return None
        if isinstance(said, Undecodable) or here in self._held:
            self._held.add(here)
            self.parked.append(parked(read, here))
            return None
        if (freed := self._went.get(here)) and read.time <= freed.time:
            self.released.append(Released(said.row.event_id, freed.position))
        return said

    def _go_on(self, here: UUID, without: Position) -> None:
        freed, before = self._freed.get(without), self._went.get(here)
        if freed and (before is None or before.position.offset < freed.position.offset):
            self._went[here] = freed


def read(record: Record, time: datetime) -> Read:
    try:
        return Read(record, time, cut(decode(record, time)))
    except Undecodable as error:
        return Read(record, time, error)


def lane(record: Record) -> UUID:
    """Where it waits, if it must: behind those of its key."""
    return ids.lane(record.topic, record.partition, record.key or b"")


def parked(read: Read, here: UUID) -> Parked:
    """The row of a record that waits, the same whether it is written live or by a build."""
    record = replace(read.record, time=read.time)
    known = read.said.row if isinstance(read.said, Cut) else None
    return Parked(
        position=record.position,
        lane=here,
        time=read.time,
        event_id=known.event_id if known else _named(record),
        owner=known.owner if known else None,
        reason=read.said.reason if isinstance(read.said, Undecodable) else None,
        record=_ENCODER.encode(record),
    )


def original(encoded: bytes) -> Record:
    """A parked record, at the running maximum of times."""
    return _DECODER.decode(encoded)


def again(encoded: bytes) -> Read:
    """The same, read by the code as it is now."""
    record = original(encoded)
    return read(record, record.time)


def _named(record: Record) -> UUID | None:
    """The id that an event gives itself, where nothing else of it can be read."""
    try:
        return UUID(dict(record.headers)["ce_id"].decode())
    except (KeyError, ValueError, AttributeError):
        return None
