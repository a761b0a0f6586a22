"""Jobs: what the requests on `framelog.images` began. A job has the id of its first request; a retry names it."""

from datetime import datetime
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from contracts.analyses import Failure
from contracts.images import AnalysisRequested, FetchFailed, FetchRequested, ImageEvent, ImageUploaded, Wanted


class Job(Struct, frozen=True, kw_only=True):
    """A job and its last attempt.

    `cause` is the event whose analysis decides, None while the picture is being fetched; `failure` is why it could not
    be. Where nothing is `wanted` the job is done once the image is there.
    """

    job_id: UUID
    owner: str
    image_id: UUID
    wanted: tuple[Wanted, ...]
    attempts: int
    requested: UUID
    requested_at: datetime
    created_at: datetime
    url: str | None = None
    cause: UUID | None = None
    sha256: str | None = None
    failure: Failure | None = None
    callback_url: str | None = None


def job_of(event_id: UUID, event: ImageEvent) -> UUID | None:
    """The job that an event belongs to."""
    match event:
        case AnalysisRequested() | FetchRequested():
            return event.retry_of or event_id
        case ImageUploaded() | FetchFailed():
            return event.job
        case _:
            return None


def apply(job: Job | None, event_id: UUID, event: ImageEvent, time: datetime) -> Job | None:
    """Fold one accepted event, appended at `time`, into its job. Pure; what names no job there is changes nothing."""
    match event:
        case AnalysisRequested() | FetchRequested() if job is None and event.retry_of is None:
            return _began(event_id, event, time)
        case _ if job is None:
            return None
        case AnalysisRequested():
            again = _again(job, event_id, event, time)
            return replace(again, cause=event_id, sha256=event.content.sha256)
        case FetchRequested():
            return replace(_again(job, event_id, event, time), cause=None, sha256=None)
        case ImageUploaded():
            return replace(job, cause=event_id, sha256=event.content.sha256)
        case FetchFailed():
            about = job.wanted[0].algorithm if job.wanted else "fetch"
            return replace(job, failure=Failure(algorithm=about, type=event.type, detail=event.detail))
        case _:
            return job


def _began(event_id: UUID, event: AnalysisRequested | FetchRequested, time: datetime) -> Job:
    analysis = isinstance(event, AnalysisRequested)
    return Job(
        job_id=event_id,
        owner=event.owner,
        image_id=event.image_id,
        wanted=event.wanted if isinstance(event, AnalysisRequested) else _of_fetched(event),
        attempts=1,
        requested=event_id,
        requested_at=time,
        created_at=time,
        url=None if isinstance(event, AnalysisRequested) else event.url,
        cause=event_id if analysis else None,
        sha256=event.content.sha256 if isinstance(event, AnalysisRequested) else None,
        callback_url=event.callback.url if event.callback else None,
    )


def _of_fetched(event: FetchRequested) -> tuple[Wanted, ...]:
    return (event.algorithm,) if event.algorithm else ()


def _again(job: Job, event_id: UUID, event: AnalysisRequested | FetchRequested, time: datetime) -> Job:
    return replace(
        job,
        attempts=job.attempts + 1,
        requested=event_id,
        requested_at=time,
        failure=None,
        callback_url=event.callback.url if event.callback else None,
    )
