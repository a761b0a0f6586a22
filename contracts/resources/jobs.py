"""A job as the API shows it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import orjson

from contracts.events import Json
from contracts.jobs import Job
from contracts.problems import BY_SLUG
from contracts.resources.images import Analysis, fact_json, time

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
    analyses: Sequence[Analysis]
    error: dict[str, Json] | None
    started_at: datetime | None
    finished_at: datetime | None
    callback: Callback

    @property
    def only(self) -> Analysis | None:
        """What it is about, where that is one algorithm."""
        return self.analyses[0] if len(self.analyses) == 1 else None

    @property
    def result(self) -> Json:
        """What was found once it has succeeded: of one algorithm its result, of several each one's by its name."""
        if self.status != "succeeded" or not self.analyses:
            return None
        if self.only:
            return orjson.Fragment(bytes(self.only.result))
        return {one.algorithm: fact_json(one) for one in self.analyses}


def job_json(described: DescribedJob) -> dict[str, Json]:
    job, only = described.job, described.only
    return {
        "id": job.job_id,
        "status": described.status,
        "algorithm": only.algorithm if only else None,
        "algorithm_version": str(only.version) if only and only.version is not None else None,
        "params": only.params if only else {},
        # An image that is still to be fetched, or never was, is nowhere to be seen.
        "image_id": job.image_id if job.cause else None,
        "result": described.result,
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
