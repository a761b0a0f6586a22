"""What a callback says: the job as its attempt left it, or the image. Pure."""

from contracts.analyses import AnalysisCompleted, Failure, Result
from contracts.events import Json
from contracts.jobs import Job
from contracts.resources.images import Described, image_json, time
from contracts.resources.jobs import Callback, DescribedJob, job_json
from services.notifier.owed import Ended, Owed

UNTOLD = Callback(status="pending")


def of_job(owed: Owed, job: Job) -> dict[str, Json]:
    """`job` is the fold up to the event that asked: later attempts are told by callbacks of their own."""
    described = _failed(owed, job) if job.failure else _ended(owed, job)
    return _said(f"job.{described.status}", owed, job_json(described))


def of_image(owed: Owed, described: Described) -> dict[str, Json]:
    return _said("image.analyzed", owed, image_json(described))


def _said(type_: str, owed: Owed, data: dict[str, Json]) -> dict[str, Json]:
    return {"type": type_, "timestamp": time(owed.since), "data": data}


def _failed(owed: Owed, job: Job) -> DescribedJob:
    """The picture could not be fetched."""
    assert job.failure
    return _described(owed, job, failure=job.failure)


def _ended(owed: Owed, job: Job) -> DescribedJob:
    if owed.ended is None or job.algorithm is None:  # it was about the image alone, which is there
        return _described(owed, job)
    result = _result(owed.ended, job)
    failure = None if result else _failure(owed.ended, job.algorithm.algorithm)
    return _described(owed, job, result, failure)


def _described(owed: Owed, job: Job, result: Result | None = None, failure: Failure | None = None) -> DescribedJob:
    return DescribedJob(
        job=job,
        status="failed" if failure else "succeeded",
        version=result.version if result else None,
        result=result.result if result else None,
        error={"type": failure.type, "detail": failure.detail} if failure else None,
        started_at=owed.ended.started_at if owed.ended else None,
        finished_at=owed.since,
        callback=UNTOLD,
    )


def _result(ended: Ended, job: Job) -> Result | None:
    results = ended.event.results if isinstance(ended.event, AnalysisCompleted) else ()
    about = job.algorithm
    return next(
        (one for one in results if about and (one.algorithm, one.params) == (about.algorithm, about.params)), None
    )


def _failure(ended: Ended, algorithm: str) -> Failure:
    unsaid = Failure(algorithm=algorithm, type="algorithm-failed", detail="the analyzer gave no reason")
    return next((one for one in ended.event.failures if one.algorithm == algorithm), unsaid)
