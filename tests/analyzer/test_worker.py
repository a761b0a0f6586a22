"""What is asked of a group and what is told in the end: pure."""

import pytest

from contracts.analyses import AnalysisCompleted, AnalysisFailed, AnalysisStarted, Failure, Result
from contracts.images import ImageUpdated, ImageUploaded, Wanted
from services.analyzer.analysis import Found
from services.analyzer.worker import begin, outcome
from tests import events
from tests.events import uid

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
