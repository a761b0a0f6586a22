"""What is read of jobs: one, a page of them, the picture that one made."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from adapters.http import Json
from adapters.principal import may
from adapters.problem_json import documented
from contracts.permissions import Principal
from contracts.problems import Problem
from contracts.resources.images import stored_renditions
from contracts.resources.jobs import DescribedJob, job_json, problem_json
from services.query.cursors import decoded, encoded
from services.query.pages import Cursor, Limit, page
from services.query.parts import FRESH, Parts, Reading
from services.query.renditions import PICTURE, RENDITION, Rendition, picture_answer

ROUTES = APIRouter(tags=["jobs"])

PAGE = """
SELECT * FROM described_jobs AS job
WHERE owner = %(owner)s AND (%(status)s::text IS NULL OR status = %(status)s)
  AND (%(time)s::timestamptz IS NULL OR (created_at, job_id) < (%(time)s::timestamptz, %(job_id)s::uuid))
ORDER BY created_at DESC, job_id DESC LIMIT %(limit)s
"""

See = Annotated[Principal, may("see-own-image")]
Status = Annotated[Literal["queued", "running", "succeeded", "failed"] | None, Query()]


@ROUTES.get("/v1/jobs")
async def list_jobs(
    request: Request,
    parts: Parts,
    who: See,
    status: Status = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Response:
    """One's own jobs, newest first."""
    question = ["jobs", who.account, status]
    time, job_id = decoded(cursor, question, ("timestamptz", "uuid")) if cursor else (None, None)
    asked = {"owner": who.account, "status": status, "time": time, "job_id": job_id, "limit": limit + 1}
    found = await parts.jobs.page(PAGE, asked)
    items = [job_json(one) for one in found[:limit]]
    last = found[limit - 1].job if len(found) > limit else None
    return page(request, items, encoded([last.created_at.isoformat(), str(last.job_id)], question) if last else None)


@ROUTES.get("/v1/jobs/{job_id}")
async def show_job(parts: Parts, who: See, job_id: UUID) -> Response:
    """One of one's own jobs, whatever became of it."""
    return Json(job_json(await _own(parts, who, job_id)), headers=FRESH)


@ROUTES.get(
    "/v1/jobs/{job_id}/content",
    response_class=Response,
    responses={
        200: {"content": {**PICTURE, "application/json": {"schema": RENDITION}}, "description": "As Accept prefers"},
        304: {"description": "The client has it, by If-None-Match"},
        **documented("job-not-finished", "job-failed", "corrupt-object"),
    },
)
async def read_content(request: Request, parts: Parts, who: See, job_id: UUID) -> Response:
    """The picture that a job has made; as JSON with `Accept: application/json`."""
    made = _picture(await _own(parts, who, job_id))
    return await picture_answer(parts, made, request.headers, "private, no-cache")


def _picture(found: DescribedJob) -> Rendition:
    """The first rendition of its result. Raises Problem where there is none."""
    if found.status == "failed":
        problem = problem_json(found.error)
        raise Problem("job-failed", f"{problem['title']}: {problem['detail']}")
    if found.status != "succeeded":
        raise Problem("job-not-finished", f"The job is {found.status}.", headers={"Retry-After": "1"})
    made: list[Rendition] = stored_renditions([found.only] if found.only else [])
    if not made:
        raise Problem("not-found", "This job makes no picture.")
    return made[0]


async def _own(parts: Reading, who: Principal, job_id: UUID) -> DescribedJob:
    found = await parts.jobs.one(job_id)
    if found is None or found.job.owner != who.account:
        raise Problem("not-found", f"There is no job {job_id}.")
    return found
