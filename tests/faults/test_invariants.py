"""The checks after every drill find what they are there to find: each promise, broken by hand, is named."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from msgspec.structs import replace as with_

from contracts import ids
from contracts.dead_letters import RecordBuried, bury
from contracts.events import Position, Record, Undecodable
from contracts.topics import IMAGES, TOPICS
from services.projector.digest import Digest
from tests import events
from tests.events import NOON, uid
from tests.faults.calls import Ask, Call, judged
from tests.faults.evidence import EventRow, Evidence, ImageRow
from tests.faults.invariants import PROMISES, broken

IMAGE, AT = uid("image"), Position(IMAGES.name, 3, 0)
ASK = Ask(kind="upload", method="POST", path="/v1/images", key="k", picture=b"picture")
CALL = Call(ASK, "ok", 201, {"id": str(IMAGE)}, tries=1)
REFUSED = Call(replace(ASK, key="other"), "failed", 503, {}, retry_after="1", tries=1)
UPLOADED = events.recorded(events.uploaded(IMAGE), "upload", AT)
ROW = EventRow(
    event_id=uid("upload"),
    type="framelog.image.uploaded.v1",
    topic=IMAGES.name,
    partition=3,
    offset=0,
    accepted=True,
    version=1,
    aggregate=str(IMAGE),
    image_id=IMAGE,
    request_id=ASK.request_id,
    causation_id=None,
)
ROW_OF_IMAGE = ImageRow(
    image_id=IMAGE, sha256=ASK.sha256, size=7, storage_key="originals/x", status="completed", deleted=False
)
POISON = Record(topic=IMAGES.name, partition=5, offset=9, time=NOON, key=b"key", value=b"{", headers=())
LETTER = bury(POISON, Undecodable("malformed", "it is", POISON.position), "projector")


def sound(**changes: Any) -> Evidence:
    """One upload that came to its end, one refusal, and one record that nobody could read."""
    uploaded = with_(UPLOADED, cause=with_(UPLOADED.cause, request_id=ASK.request_id))
    fields: dict[str, Any] = {
        "calls": [CALL, REFUSED],
        "events": [uploaded],
        "unreadable": [POISON],
        "buried": [(ids.buried("projector", IMAGES.name, 5, 9), LETTER)],
        "ends": {(IMAGES.name, 3): 1},
        "rows": [ROW],
        "images": {IMAGE: ROW_OF_IMAGE},
        "renditions": {"derived/y": 3},
        "facts": {},
        "jobs": {uid("job"): "succeeded"},
        "campaigns": {uid("asked"): "completed"},
        "stands": {(IMAGES.name, 3): 1},
        "samples": [{(IMAGES.name, 3): 0}],
        "objects": {"originals/x": 7, "derived/y": 3, "orphan": 1},
        "read_back": {IMAGE: ASK.sha256},
        "configs": {topic.name: dict(topic.configs) for topic in TOPICS},
        "live": {"images": Digest(1, "a")},
        "rebuilt": {"images": Digest(1, "a")},
        "consumers": {IMAGES.name: ["projector"]},
    }
    return Evidence(**fields | changes)


def letter(consumer: str, offset: int, name: object) -> tuple[UUID, RecordBuried]:
    return uid(name), with_(LETTER, consumer=consumer, offset=offset)


def test_of_a_sound_house_nothing_is_said() -> None:
    assert broken(sound()) == []


WRONG: list[tuple[str, Callable[[], Evidence]]] = [
    ("I1", lambda: sound(images={})),
    ("I1", lambda: sound(images={IMAGE: replace(ROW_OF_IMAGE, status="running")})),
    ("I1", lambda: sound(jobs={uid("job"): "queued"})),
    ("I1", lambda: sound(campaigns={uid("asked"): "queued"})),
    ("I2", lambda: sound(read_back={IMAGE: "other"})),
    ("I2", lambda: sound(read_back={IMAGE: "404"})),
    ("I3", lambda: sound(rebuilt={"images": Digest(1, "b")})),
    ("I4", lambda: sound(rows=[])),
    ("I4", lambda: sound(rows=[replace(ROW, offset=1)])),
    ("I4", lambda: sound(rows=[ROW, replace(ROW, event_id=uid("made up"))])),
    ("I5", lambda: sound(rows=[replace(ROW, version=2)])),
    ("I5", lambda: sound(samples=[{(IMAGES.name, 3): 2}])),
    ("I5", lambda: sound(ends={(IMAGES.name, 3): 2})),
    ("I6", lambda: sound(objects={"derived/y": 3})),
    ("I6", lambda: sound(objects={"originals/x": 7, "derived/y": 4})),
    ("I7", lambda: sound(calls=[replace(CALL, outcome="unknown")])),
    ("I7", lambda: sound(calls=[replace(CALL, outcome="failed", status=503, retry_after="1")])),
    ("I7", lambda: sound(calls=[replace(REFUSED, status=404)])),
    ("I7", lambda: sound(calls=[replace(REFUSED, retry_after=None)])),
    ("I7", lambda: sound(calls=[replace(CALL, mistakes=1)])),
    ("I7", lambda: sound(events=[], rows=[])),
    ("I7", lambda: sound(rows=[replace(ROW, accepted=False)])),
    ("I8", lambda: sound(configs={IMAGES.name: {**IMAGES.configs, "retention.ms": "604800000"}})),
    ("I8", lambda: sound(events=[])),
    ("I9", lambda: sound(buried=[])),
    ("I9", lambda: sound(buried=[letter("projector", 9, 1), letter("projector", 9, 2)])),
    ("I9", lambda: sound(buried=[letter("projector", 9, 1), letter("projector", 8, 2)])),
    ("I9", lambda: sound(buried=[letter("projector", 9, 1), letter("analyzer-core", 9, 2)])),
]


@pytest.mark.parametrize(("promise", "evidence"), WRONG)
def test_what_is_wrong_is_found(promise: str, evidence: Callable[[], Evidence]) -> None:
    assert promise in {one.promise for one in PROMISES[promise](evidence())}


def test_every_promise_is_broken_here() -> None:
    assert {promise for promise, _ in WRONG} == set(PROMISES) == {f"I{number}" for number in range(1, 10)}


def test_a_dead_letter_that_was_sent_twice_is_one() -> None:
    one = letter("projector", 9, 1)
    assert broken(sound(buried=[one, one])) == []


def test_what_is_lost_is_the_call_whose_effect_is_gone() -> None:
    assert [one.lost.ask.key for one in PROMISES["I1"](sound(images={})) if one.lost] == ["k"]


@pytest.mark.parametrize(
    ("status", "said", "outcome"),
    [
        (201, {}, "ok"),
        (202, {}, "ok"),
        (204, None, "ok"),
        (404, {"type": "/problems/not-found"}, "failed"),
        (503, {"type": "/problems/unavailable"}, "failed"),
        (503, {"type": "/problems/outcome-unknown"}, "unknown"),
        (500, {"type": "/problems/internal-error"}, "unknown"),
    ],
)
def test_what_a_client_knows_after_an_answer(status: int, said: Any, outcome: str) -> None:
    assert judged(status, said) == outcome
