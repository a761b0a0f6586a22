"""What a callback says: the job as its attempt left it, or the image. Pure."""

import msgspec
from msgspec import Raw

from contracts.analyses import AnalysisCompleted, Failure, Result
from contracts.events import Json
from contracts.images import Wanted
from contracts.jobs import Job
from contracts.resources.images import Analysis, Described, image_json, time
from contracts.resources.jobs import Callback, DescribedJob, job_json
from services.notifier.owed import Ended, Owed


def of_job(owed: Owed, job: Job) -> dict[str, Json]:
    """`job` is the fold up to the event that asked: later attempts are told by callbacks of their own."""
    analyses = [_analysis(one, owed.ended) for one in job.wanted]
    failures = [one.failure for one in analyses if one.failure]
    error = _why(job.failure) if job.failure else next(iter(failures), None)
    described = DescribedJob(
        job=job,
        status="failed" if error else "succeeded",
        analyses=analyses,
        error=error,
        started_at=owed.ended.started_at if owed.ended else None,
        finished_at=owed.since,
        callback=Callback(status="pending"),
    )
    return _said(f"job.{described.status}", owed, job_json(described))


def of_image(owed: Owed, described: Described) -> dict[str, Json]:
    return _said("image.analyzed", owed, image_json(described))


def _said(type_: str, owed: Owed, data: dict[str, Json]) -> dict[str, Json]:
    return {"type": type_, "timestamp": time(owed.since), "data": data}


def _analysis(wanted: Wanted, ended: Ended | None) -> Analysis:
    """What became of one algorithm; nothing where the picture could not even be fetched."""
    if ended is None:
        return Analysis(algorithm=wanted.algorithm, params=wanted.params, status="queued")
    if result := _result(wanted, ended):
        return Analysis(
            algorithm=wanted.algorithm,
            params=wanted.params,
            status="completed",
            version=result.version,
            completed_at=ended.time.isoformat(),
            result=Raw(msgspec.json.encode(result.result)),
        )
    failure = _why(_failure(wanted, ended))
    return Analysis(algorithm=wanted.algorithm, params=wanted.params, status="failed", failure=failure)


def _result(wanted: Wanted, ended: Ended) -> Result | None:
    results = ended.event.results if isinstance(ended.event, AnalysisCompleted) else ()
    return next((one for one in results if wanted == Wanted(algorithm=one.algorithm, params=one.params)), None)


def _failure(wanted: Wanted, ended: Ended) -> Failure:
    unsaid = Failure(algorithm=wanted.algorithm, type="algorithm-failed", detail="the analyzer gave no reason")
    return next((one for one in ended.event.failures if one.algorithm == wanted.algorithm), unsaid)


def _why(failure: Failure) -> dict[str, Json]:
    return {"type": failure.type, "detail": failure.detail}
