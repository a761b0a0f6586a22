"""The promises of the design, each one pure function: from what there is to be seen, to what is wrong with it."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from uuid import UUID

from contracts.topics import DEAD_LETTERS
from services.projector.projections import TOPICS as PROJECTED
from tests.faults.calls import Call
from tests.faults.evidence import EventRow, Evidence

TERMINAL = {"completed", "partial", "failed"}
ENDED = {"succeeded", "failed"}
RAISING = tuple(f"framelog.image.{name}.v1" for name in ("uploaded", "updated", "deleted", "restored"))


@dataclass(frozen=True)
class Broken:
    """A promise that does not hold. `lost` is the acknowledged call whose effect is gone, where one is."""

    promise: str
    what: str
    lost: Call | None = None

    def __str__(self) -> str:
        return f"{self.promise}: {self.what}"


Check = Callable[[Evidence], Iterator[Broken]]


def uploads_end(seen: Evidence) -> Iterator[Broken]:
    """I1: every acknowledged upload reaches a terminal state in the read model; every job ends, and all that campaigns
    have asked for."""
    for call in seen.calls:
        if image_id := call.image_id:
            found = seen.images.get(image_id)
            if found is None or found.status not in TERMINAL:
                yield Broken("I1", f"{call}: image {image_id} is {found.status if found else 'not there'}", call)
    for job, status in seen.jobs.items():
        if status not in ENDED:
            yield Broken("I1", f"job {job} is {status}")
    for event_id, status in seen.campaigns.items():
        if status == "queued":
            yield Broken("I1", f"what event {event_id} of a campaign has asked for has not ended")


def bytes_come_back(seen: Evidence) -> Iterator[Broken]:
    """I2: GET of an original gives the bytes that were uploaded."""
    for call in seen.calls:
        found = seen.read_back.get(call.image_id) if call.image_id else None
        if found and found != call.ask.sha256:
            yield Broken("I2", f"{call}: GET gives {found}, not {call.ask.sha256}", call)


def rebuild_is_equal(seen: Evidence) -> Iterator[Broken]:
    """I3: projected anew from the log alone, every table is the same."""
    for table, digest in seen.live.items():
        if digest != seen.rebuilt[table]:
            yield Broken("I3", f"{table}: live {digest}, rebuilt {seen.rebuilt[table]}")


def one_effect_per_event(seen: Evidence) -> Iterator[Broken]:
    """I4: however often an event is in the log, it is one row, at its first offset."""
    first: dict[UUID, tuple[str, int, int]] = {}
    for one in seen.events:
        if one.position.topic in PROJECTED:
            at = (one.position.topic, one.position.partition, one.position.offset)
            first[one.cause.event_id] = min(at, first.get(one.cause.event_id, at))
    rows = {row.event_id: (row.topic, row.partition, row.offset) for row in seen.rows}
    for event_id in first.keys() | rows.keys():
        if first.get(event_id) != rows.get(event_id):
            yield Broken("I4", f"event {event_id} is at {first.get(event_id)}, its row at {rows.get(event_id)}")


def versions_rise_by_one(seen: Evidence) -> Iterator[Broken]:
    """I5: the versions of an image are 1, 2, 3 …; a projection never moves back, and ends where the log does."""
    lives: Mapping[str, list[EventRow]] = defaultdict(list)
    for row in seen.rows:
        if row.type in RAISING and row.accepted:
            lives[row.aggregate].append(row)
    for image, life in lives.items():
        versions = [row.version for row in sorted(life, key=lambda row: row.offset)]
        if versions != list(range(1, len(life) + 1)):
            yield Broken("I5", f"image {image} has the versions {versions}")
    for before, after in pairwise([*seen.samples, seen.stands]):
        for at, offset in before.items():
            if after.get(at, 0) < offset:
                yield Broken("I5", f"{at} went from {offset} back to {after.get(at)}")
    for at, end in seen.ends.items():
        if at[0] in PROJECTED and seen.stands.get(at, 0) != end:
            yield Broken("I5", f"{at} stands at {seen.stands.get(at)}, the log ends at {end}")


def rows_have_objects(seen: Evidence) -> Iterator[Broken]:
    """I6: no row without its object, of the right size: originals and renditions."""
    wanted = {image.storage_key: image.size for image in seen.images.values()} | dict(seen.renditions)
    for key, size in wanted.items():
        if seen.objects.get(key) != size:
            yield Broken("I6", f"{key} should have {size} bytes and has {seen.objects.get(key)}")


def a_no_leaves_nothing(seen: Evidence) -> Iterator[Broken]:
    """I7: what was refused is not in the log; what was not is there once; every 503 says when to come back; and nobody
    is refused what should be granted: these clients ask for nothing that is not theirs."""
    asked: Mapping[UUID, set[UUID]] = defaultdict(set)
    for one in seen.events:
        if one.cause.request_id and one.cause.causation_id is None:
            asked[one.cause.request_id].add(one.cause.event_id)
    rows = {row.event_id: row for row in seen.rows}
    for call in seen.calls:
        made = asked.get(call.ask.request_id, set())
        yield from _told_rightly(call, made, [rows[one] for one in made if one in rows])


def _told_rightly(call: Call, made: set[UUID], rows: Sequence[EventRow]) -> Iterator[Broken]:
    if call.mistakes:
        yield Broken("I7", f"{call}: was answered 500 {call.mistakes} times")
    if call.outcome == "unknown":
        yield Broken("I7", f"{call}: still unknown after {call.tries} tries")
    elif call.outcome == "failed":
        if any(row.accepted for row in rows) or len(rows) < len(made):
            yield Broken("I7", f"{call}: refused, and in the log as {made}")
        if call.status is None:
            return  # nobody was there to ask
        if call.status != 503:
            yield Broken("I7", f"{call}: refused, which is not true")
        elif not (call.retry_after or "").isdigit():
            yield Broken("I7", f"{call}: does not say when to come back")
    elif len(made) != 1:
        yield Broken("I7", f"{call}: acknowledged, and {len(made)} times in the log", call)
    elif not rows or not (rows[0].accepted or call.status == 202):
        yield Broken("I7", f"{call}: acknowledged, and not accepted: {rows}", call)


def log_is_kept(seen: Evidence) -> Iterator[Broken]:
    """I8: nothing is ever removed from the log: neither by its configuration, nor has it been."""
    for topic, config in seen.configs.items():
        kept = (config["cleanup.policy"], config["retention.ms"], config["retention.bytes"])
        if kept != ("delete", "-1", "-1"):
            yield Broken("I8", f"{topic} has {kept}")
    at = [one.position for one in seen.events] + [record.position for record in seen.unreadable]
    there = Counter((position.topic, position.partition) for position in at)
    for partition, end in seen.ends.items():
        if there[partition] != end:
            yield Broken("I8", f"{partition} ends at {end}, and {there[partition]} records are there")


def skipped_records_are_buried(seen: Evidence) -> Iterator[Broken]:
    """I9: every record that cannot be read has exactly one dead letter per consumer, and nothing else has one."""
    wanted = {
        (consumer, record.topic, record.partition, record.offset)
        for record in seen.unreadable
        if record.topic != DEAD_LETTERS.name
        for consumer in seen.consumers[record.topic]
    }
    letters = {(one.consumer, one.topic, one.partition, one.offset, id_) for id_, one in seen.buried}
    found = Counter(letter[:4] for letter in letters)
    for at in wanted - found.keys():
        yield Broken("I9", f"{at} has no dead letter")
    for at, count in found.items():
        if count != 1 or at not in wanted:
            yield Broken("I9", f"{at} has {count} dead letters")


PROMISES: Mapping[str, Check] = {
    "I1": uploads_end,
    "I2": bytes_come_back,
    "I3": rebuild_is_equal,
    "I4": one_effect_per_event,
    "I5": versions_rise_by_one,
    "I6": rows_have_objects,
    "I7": a_no_leaves_nothing,
    "I8": log_is_kept,
    "I9": skipped_records_are_buried,
}


def broken(seen: Evidence, more: Sequence[Check] = ()) -> list[Broken]:
    """Everything that does not hold, `more` included; of a sound house nothing."""
    return [one for check in (*PROMISES.values(), *more) for one in check(seen)]


def nothing_failed(seen: Evidence) -> Iterator[Broken]:
    """Every picture was sound, so every analysis is whole: what was tried again has left no trace."""
    for image in seen.images.values():
        if image.status in TERMINAL - {"completed"}:
            yield Broken("I1", f"image {image.image_id} is {image.status}, and its picture is sound")
    for event_id, status in seen.campaigns.items():
        if status == "failed":
            yield Broken("I1", f"what event {event_id} of a campaign has asked for failed, and its picture is sound")
