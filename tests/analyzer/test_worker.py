"""What is asked of a group, what is told in the end, and under which id."""

import asyncio
from typing import Any, cast
from uuid import UUID

import pytest

from adapters.log import Log, OutcomeUnknown
from adapters.teller import Teller
from contracts import ids
from contracts.analyses import AnalysisCompleted, AnalysisFailed, AnalysisStarted, Failure, Result
from contracts.codec import Event
from contracts.events import Cause, Position, TryLater
from contracts.images import ImageUpdated, ImageUploaded, Wanted
from contracts.reanalysis import ReanalysisRequested
from services.analyzer.analysis import Analysis, Found
from services.analyzer.worker import Worker, begin, outcome
from tests import events
from tests.events import NOON, uid

WANTED = (Wanted(algorithm="exif"), Wanted(algorithm="caption"), Wanted(algorithm="hash", params={"bits": 64}))
RESULT = Result(algorithm="exif", version=1, params={}, result={"camera": "X"})
FAILURE = Failure(algorithm="hash", type="undecodable-image", detail="damaged", params={"bits": 64})


@pytest.mark.parametrize("make", [events.uploaded, events.updated])
def test_a_group_takes_what_it_runs_of_what_is_wanted(make: type[ImageUploaded | ImageUpdated]) -> None:
    asking = make(uid("image"), wanted=WANTED)
    begun = begin(asking, uid("cause"), "core", {"exif", "hash", "quality"})
    assert begun == AnalysisStarted(
        image_id=uid("image"),
        owner="alice",
        cause=uid("cause"),
        group="core",
        sha256=asking.content.sha256,
        wanted=(WANTED[0], WANTED[2]),
    )


def test_a_group_of_which_nothing_is_wanted_does_nothing() -> None:
    assert begin(events.uploaded(uid("image"), wanted=WANTED), uid("cause"), "models", {"classification"}) is None
    assert begin(events.uploaded(uid("image"), wanted=()), uid("cause"), "core", {"exif"}) is None


def test_one_result_completes_an_analysis_and_none_fails_it() -> None:
    begun = begin(events.uploaded(uid("image"), wanted=WANTED), uid("cause"), "core", {"exif", "hash"})
    assert begun is not None
    completed = outcome(begun, Found([RESULT], [FAILURE]))
    assert isinstance(completed, AnalysisCompleted)
    assert (completed.results, completed.failures, completed.cause) == ((RESULT,), (FAILURE,), begun.cause)
    failed = outcome(begun, Found([], [FAILURE]))
    assert isinstance(failed, AnalysisFailed)
    assert (failed.failures, failed.wanted, failed.owner) == ((FAILURE,), begun.wanted, "alice")


class Doubtful:
    """A log that has everything, and confirms nothing the first time."""

    def __init__(self) -> None:
        self.stands: list[tuple[type, UUID]] = []

    async def append(self, event: Event, cause: Cause) -> None:
        again = (type(event), cause.event_id) in self.stands
        self.stands.append((type(event), cause.event_id))
        if not again:
            raise OutcomeUnknown(cause.event_id)


class Knowing:
    """Decoders that know the answer."""

    async def find(self, **_: Any) -> Found:
        return Found([RESULT], [])


async def test_what_the_log_did_not_confirm_is_later_and_told_again_under_the_same_id() -> None:
    log = Doubtful()
    teller = Teller(cast(Log, log), "analyzer-core", lambda: NOON)
    worker = Worker(teller, cast(Analysis, Knowing()), "core", {"exif"})
    recorded = events.recorded(events.uploaded(uid("image")), "up", Position("framelog.images", 0, 0))
    for _ in range(2):
        with pytest.raises(TryLater):
            await worker.handle(recorded)
    await worker.handle(recorded)
    assert set(log.stands) == {
        (AnalysisStarted, ids.started(uid("up"), "core")),
        (AnalysisCompleted, ids.outcome(uid("up"), "core")),
    }


class Slow:
    """Decoders that are told when to answer, and a log that takes everything."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.answer = asyncio.Event()

    async def find(self, *, storage_key: str, **_: Any) -> Found:
        self.asked.append(storage_key)
        await self.answer.wait()
        return Found([RESULT], [])

    async def append(self, event: Event, cause: Cause) -> None: ...


async def test_what_a_campaign_asks_for_is_begun_when_no_upload_is_in_hand() -> None:
    slow, new, old = Slow(), events.content("new"), events.content("old")
    teller = Teller(cast(Log, slow), "analyzer-core", lambda: NOON)
    worker = Worker(teller, cast(Analysis, slow), "core", {"exif"})
    again = ReanalysisRequested(
        image_id=uid("old"), owner="alice", actor="admin", campaign="exif-2", content=old, wanted=WANTED
    )
    asked = [events.uploaded(uid("new"), content=new), again]
    async with asyncio.TaskGroup() as tasks:
        for number, event in enumerate(asked):
            tasks.create_task(worker.handle(events.recorded(event, number, Position("any", 0, number))))
            await asyncio.sleep(0.01)
        assert slow.asked == [new.storage_key]
        slow.answer.set()
    assert slow.asked == [new.storage_key, old.storage_key]
