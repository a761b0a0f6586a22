"""The table `jobs`: how a job lies in columns."""

from collections.abc import Sequence
from typing import Any

import msgspec

from contracts.analyses import Failure
from contracts.events import Params
from contracts.images import Wanted
from contracts.jobs import Job
from contracts.read_model.params import params_key

COLUMNS = (
    ("job_id", "uuid"),
    ("owner", "text"),
    ("image_id", "uuid"),
    ("algorithm", "text"),
    ("params", "jsonb"),
    ("params_key", "text"),
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

_PARAMS = msgspec.json.Decoder(Params)
_FAILURE = msgspec.json.Decoder(Failure)


def values(job: Job) -> tuple[Any, ...]:
    """A row of the table, in the order of COLUMNS."""
    params = job.algorithm.params if job.algorithm else {}
    return (
        *(job.job_id, job.owner, job.image_id, job.algorithm and job.algorithm.algorithm, msgspec.json.encode(params)),
        *(params_key(params), job.attempts, job.requested, job.requested_at, job.created_at, job.url, job.cause),
        *(job.sha256, job.failure and msgspec.json.encode(job.failure), job.callback_url),
    )


def job(row: Sequence[Any]) -> Job:
    """The state in a row of COLUMNS, its JSON still encoded."""
    job_id, owner, image_id, algorithm, params, _, attempts, requested, requested_at, created_at, *rest = row
    url, cause, sha256, failure, callback_url = rest
    return Job(
        job_id=job_id,
        owner=owner,
        image_id=image_id,
        algorithm=Wanted(algorithm=algorithm, params=_PARAMS.decode(params)) if algorithm else None,
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
