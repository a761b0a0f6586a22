"""What waits and what is folded, pure: it follows from the records and from what was discarded alone."""

from base64 import b64encode
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from contracts import ids
from contracts.events import Position, Record, Undecodable
from contracts.topics import IMAGES
from services.projector.parking import Freed, Read, Sieve, again, lane, read
from tests import events
from tests.events import NOON, uid

KEYS = ("a", "b", "c")


def log(said: list[tuple[str, bool]]) -> list[Read]:
    """One partition: of each record its key, and whether it can be read."""
    return [read(one, one.time) for one in map(_record, range(len(said)), *zip(*said, strict=True))] if said else []


def _record(offset: int, key: str, readable: bool) -> Record:
    sent = events.message(events.updated(uid(key)), offset)
    made = events.record(sent, offset, time=NOON + timedelta(seconds=offset))
    return made if readable else Record(**{**_fields(made), "value": b"{"})


def _fields(record: Record) -> dict[str, object]:
    return {name: getattr(record, name) for name in record.__struct_fields__}


logs = st.lists(st.tuples(st.sampled_from(KEYS), st.booleans()), max_size=20).map(log)


def by_hand(records: list[Read], discarded: set[Position]) -> tuple[list[Position], list[Position]]:
    """What passes and what waits, as it is told: behind the first of its key neither read nor discarded."""
    passed, waits = [], []
    for one in records:
        before = [
            other.record.position
            for other in records
            if other.record.key == one.record.key
            and other.record.offset <= one.record.offset
            and isinstance(other.said, Undecodable)
            and other.record.position not in discarded
        ]
        if one.record.position not in discarded:
            (waits if before else passed).append(one.record.position)
    return passed, waits


@given(logs, st.sets(st.integers(0, 20)), st.data())
def test_any_cut_into_batches_lets_the_same_pass(records: list[Read], left: set[int], data: st.DataObject) -> None:
    discarded = {Position(IMAGES.name, 0, offset) for offset in left}
    passed, waits, rest = [], [], list(records)
    while rest:
        size = data.draw(st.integers(1, len(rest)))
        held = {one.lane for one in waits if one.reason}
        sieve = Sieve(held, discarded)
        passed += [one.row.position for one in sieve.sift(rest[:size])]
        waits += sieve.parked
        del rest[:size]
    assert (passed, [one.position for one in waits]) == by_hand(records, discarded)


@given(logs)
def test_what_waits_is_kept_whole(records: list[Read]) -> None:
    sieve = Sieve()
    sieve.sift(records)
    kept = {one.position: one for one in sieve.parked}
    for one in records:
        if waits := kept.get(one.record.position):
            assert again(waits.record).record == one.record
            assert waits.lane == lane(one.record)
            assert (waits.reason is None) == (not isinstance(one.said, Undecodable))


def test_what_came_before_the_discard_comes_into_sight_with_it_and_what_came_after_does_not() -> None:
    records = log([("a", False), ("a", True), ("b", True), ("a", True)])
    freed = Freed(Position("framelog.dead-letters", 3, 7), NOON + timedelta(seconds=2))
    sieve = Sieve(freed={records[0].record.position: freed})
    assert len(sieve.sift(records)) == 3
    assert [(one.event_id, one.at) for one in sieve.released] == [(uid(1), freed.position)]


def test_a_record_names_its_lane_however_long_its_key_is() -> None:
    key = b"\xff" * 1_000_000
    record = Record(topic=IMAGES.name, partition=3, offset=0, time=NOON, key=key, value=None)
    sieve = Sieve()
    sieve.sift([read(record, NOON)])
    assert sieve.parked[0].lane == ids.lane(IMAGES.name, 3, key)
    assert b64encode(again(sieve.parked[0].record).record.key or b"") == b64encode(key)
