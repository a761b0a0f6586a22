"""What follows from an event that asked to be called back, and from what became of it."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from contracts import ids
from contracts.analyses import Outcome
from contracts.images import AnalysisRequested, CallbackTo, FetchFailed, Wanted
from services.notifier.owed import Asked, Ended, owed
from tests import events
from tests.events import NOON, uid

IMAGE = uid("image")
TO = CallbackTo(url="https://example.org/hook", sealed_token="sealed")
CORE, MODELS = Wanted(algorithm="hash"), Wanted(algorithm="classification")
RUNNING = frozenset({"hash", "classification"})


def asked(event: Any, request: UUID | None = None) -> Asked:
    return Asked(
        event_id=uid("cause"), request=request or uid("cause"), event=event, offset=7, time=NOON, traceparent="asked"
    )


def ended(group: str, *wanted: Wanted, failed: bool = False) -> Ended:
    make = events.failed if failed else events.completed
    event: Outcome = make(IMAGE, uid("cause"), group=group, wanted=wanted)
    return Ended(
        outcome=ids.outcome(uid("cause"), group),
        event=event,
        started_at=NOON,
        time=NOON + timedelta(seconds=len(group)),
        traceparent=group,
    )


def requested(**changes: Any) -> AnalysisRequested:
    fields: dict[str, Any] = {"wanted": (CORE,), "callback": TO} | changes
    return AnalysisRequested(image_id=IMAGE, owner="alice", actor="alice", content=events.content(), **fields)


def test_who_asked_for_no_callback_is_owed_none() -> None:
    assert owed(asked(requested(callback=None)), [ended("core", CORE)], RUNNING) == []


def test_a_job_is_told_once_its_algorithm_has_ended() -> None:
    assert owed(asked(requested()), [], RUNNING) == []
    assert owed(asked(requested()), [ended("models", MODELS)], RUNNING) == []
    (one,) = owed(asked(requested()), [ended("models", MODELS), ended("core", CORE)], RUNNING)
    assert (one.job, one.to) == (uid("cause"), TO)
    assert one.delivery == ids.delivery(ids.outcome(uid("cause"), "core"))


def test_a_failure_is_an_outcome_like_others_and_has_the_same_id() -> None:
    (good,) = owed(asked(requested()), [ended("core", CORE)], RUNNING)
    (bad,) = owed(asked(requested()), [ended("core", CORE, failed=True)], RUNNING)
    assert good.delivery == bad.delivery


def test_another_attempt_belongs_to_the_same_job() -> None:
    (one,) = owed(asked(requested(retry_of=uid("job"))), [ended("core", CORE)], RUNNING)
    assert one.job == uid("job")


def test_an_upload_is_told_when_every_group_has_ended() -> None:
    upload = asked(events.uploaded(IMAGE, wanted=(CORE, MODELS), callback=TO))
    assert owed(upload, [ended("core", CORE)], RUNNING) == []
    (one,) = owed(upload, [ended("models", MODELS), ended("core", CORE)], RUNNING)
    assert (one.job, one.delivery) == (None, ids.delivery(ids.analyzed(uid("cause"))))
    assert (one.since, one.traceparent) == (NOON + timedelta(seconds=6), "models")


def test_an_algorithm_that_this_house_does_not_run_is_not_waited_for() -> None:
    upload = asked(events.uploaded(IMAGE, wanted=(CORE, MODELS), callback=TO))
    assert owed(upload, [ended("core", CORE)], frozenset({"hash"})) != []


def test_an_upload_that_wants_nothing_is_analysed_at_once() -> None:
    assert len(owed(asked(events.uploaded(IMAGE, wanted=(), callback=TO)), [], RUNNING)) == 1


def test_a_picture_fetched_for_itself_is_told_twice_and_under_two_ids() -> None:
    fetched = asked(events.uploaded(IMAGE, wanted=(CORE,), callback=TO, origin="url", job=uid("job")), uid("request"))
    (there,) = owed(fetched, [], RUNNING)
    assert (there.job, there.delivery) == (uid("job"), ids.delivery(uid("cause")))
    both = owed(fetched, [ended("core", CORE)], RUNNING)
    assert [one.job for one in both] == [uid("job"), None]
    assert len({one.delivery for one in both}) == 2


def test_a_picture_fetched_for_a_job_is_told_by_the_job_alone() -> None:
    fetched = asked(events.uploaded(IMAGE, wanted=(CORE,), callback=TO, origin="job", job=uid("job")))
    assert owed(fetched, [], RUNNING) == []
    (one,) = owed(fetched, [ended("core", CORE)], RUNNING)
    assert (one.job, one.delivery) == (uid("job"), ids.delivery(ids.outcome(uid("cause"), "core")))


def test_a_picture_that_could_not_be_had_is_told_at_once() -> None:
    event = FetchFailed(image_id=IMAGE, owner="alice", job=uid("job"), type="fetch-failed", detail="404", callback=TO)
    (one,) = owed(asked(event), [], RUNNING)
    assert (one.job, one.delivery) == (uid("job"), ids.delivery(uid("cause")))


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_the_order_in_which_groups_end_changes_no_id(order: tuple[int, int]) -> None:
    groups = [ended("core", CORE), ended("models", MODELS)]
    upload = asked(events.uploaded(IMAGE, wanted=(CORE, MODELS), callback=TO))
    (one,) = owed(upload, [groups[index] for index in order], RUNNING)
    assert one.delivery == ids.delivery(ids.analyzed(uid("cause")))
