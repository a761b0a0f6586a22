"""A job as the API shows it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from contracts.events import Json
from contracts.jobs import Job
from contracts.problems import BY_SLUG
from contracts.resources.images import time

Status = Literal["queued", "running", "succeeded", "failed"]
CallbackStatus = Literal["pending", "delivered", "failed", "none"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Callback:
    """How far the callback of a job's last attempt is. `last_status` is an HTTP status."""

    status: CallbackStatus
    attempts: int = 0
    last_status: int | None = None
    next_attempt_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DescribedJob:
    """A job with what became of its last attempt."""

    job: Job
    status: Status
    version: int | None
    result: dict[str, Json] | None
    error: dict[str, Json] | None
    started_at: datetime | None
    finished_at: datetime | None
    callback: Callback


def job_json(described: DescribedJob) -> dict[str, Json]:
    job = described.job
    return {
        "id": job.job_id,
        "status": described.status,
        "algorithm": job.algorithm.algorithm if job.algorithm else None,
        "algorithm_version": None if described.version is None else str(described.version),
        "params": job.algorithm.params if job.algorithm else {},
        # An image that is still to be fetched, or never was, is nowhere to be seen.
        "image_id": job.image_id if job.cause else None,
        "result": described.result if described.status == "succeeded" else None,
        "error": problem_json(described.error) if described.status == "failed" else None,
        "attempts": job.attempts,
        "created_at": time(job.created_at),
        "started_at": time(described.started_at),
        "finished_at": time(described.finished_at),
        "callback": {
            "url": job.callback_url,
            "status": described.callback.status,
            "attempts": described.callback.attempts,
            "last_status": described.callback.last_status,
            "next_attempt_at": time(described.callback.next_attempt_at),
        },
    }


def problem_json(error: dict[str, Json] | None) -> dict[str, Json]:
    """Why a job failed, as a problem."""
    found = error or {"type": "algorithm-failed", "detail": "the analyzer gave no reason"}
    known = BY_SLUG.get(found["type"], BY_SLUG["algorithm-failed"])
    return {"type": known.uri, "title": known.title, "status": known.status, "detail": found["detail"]}
