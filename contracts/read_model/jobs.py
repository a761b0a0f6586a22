"""The table `jobs`: how a job lies in columns."""

from collections.abc import Sequence
from typing import Any

import msgspec

from contracts.analyses import Failure
from contracts.images import Wanted
from contracts.jobs import Job

COLUMNS = (
    ("job_id", "uuid"),
    ("owner", "text"),
    ("image_id", "uuid"),
    ("wanted", "jsonb"),
    ("attempts", "int4"),
    ("requested", "uuid"),
    ("requested_at", "timestamptz"),
    ("created_at", "timestamptz"),
    ("url", "text"),
    ("cause", "uuid"),
    ("sha256", "text"),
    ("failure", "jsonb"),
    ("callback_url", "text"),
)

_WANTED = msgspec.json.Decoder(tuple[Wanted, ...])
_FAILURE = msgspec.json.Decoder(Failure)


def values(job: Job) -> tuple[Any, ...]:
    """A row of the table, in the order of COLUMNS."""
    return (
        *(job.job_id, job.owner, job.image_id, msgspec.json.encode(job.wanted), job.attempts, job.requested),
        *(job.requested_at, job.created_at, job.url, job.cause, job.sha256),
        *(job.failure and msgspec.json.encode(job.failure), job.callback_url),
    )


def job(row: Sequence[Any]) -> Job:
    """The state in a row of COLUMNS, its JSON still encoded."""
    job_id, owner, image_id, wanted, attempts, requested, requested_at, created_at, *rest = row
    url, cause, sha256, failure, callback_url = rest
    return Job(
        job_id=job_id,
        owner=owner,
        image_id=image_id,
        wanted=_WANTED.decode(wanted),
        attempts=attempts,
        requested=requested,
        requested_at=requested_at,
        created_at=created_at,
        url=url,
        cause=cause,
        sha256=sha256,
        failure=_FAILURE.decode(failure) if failure else None,
        callback_url=callback_url,
    )
