"""Jobs that clients ask for: one algorithm on one image."""

from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, Self
from uuid import UUID

from fastapi import APIRouter, Response
from fastapi import Request as HttpRequest
from pydantic import AliasChoices, BaseModel, ConfigDict, Field, model_validator

from adapters.algorithms import Algorithms
from adapters.http import JSON_BYTES, Json
from adapters.jobs import Jobs
from adapters.outbound import Outbound
from adapters.principal import may
from adapters.problem_json import documented
from adapters.read_model import ReadModel, Verdict
from contracts import ids
from contracts.codec import Event
from contracts.images import Wanted
from contracts.permissions import Principal, decide
from contracts.problems import Problem
from contracts.resources.jobs import DescribedJob, job_json
from services.ingest import commands_jobs as commands
from services.ingest.answers import CHANGE, IdempotencyKey, ImageId, answer, asked, image_named
from services.ingest.callbacks import Callbacks, allowed
from services.ingest.commands_images import Upload
from services.ingest.fields import Address, CalledBack, Filename, Said, wanted
from services.ingest.proposals import Pending, Proposals, Request
from services.ingest.routes_campaigns import Name, campaigning
from services.ingest.write import REJECTED, Writer

ROUTES = APIRouter(tags=["jobs"])
ASKING = (*CHANGE, "algorithm-disabled", "invalid-params", "url-not-allowed")

Ask = Annotated[Principal, may("add-image")]
Change = Annotated[Principal, may("change-image")]


class Asked(CalledBack):
    """An image of one's own, or the address of one."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    image_id: ImageId | None = None
    image_url: Address | None = None
    algorithm: Annotated[
        str, Field(min_length=1, max_length=100, validation_alias=AliasChoices("algorithm", "algorithm_name"))
    ]
    params: dict[str, Any] = Field({})

    @model_validator(mode="after")
    def _one_image(self) -> Self:
        if (self.image_id is None) == (self.image_url is None):
            raise ValueError("send either image_id or image_url")
        return self


class FromUrl(Said):
    """An upload of which only the address is sent."""

    image_url: Address
    filename: Filename = ""


class Again(BaseModel):
    """Without `algorithms`, those of every image. A `campaign` waits until nothing else is to do, and is no job."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    algorithms: Annotated[tuple[str, ...] | None, Field(min_length=1, max_length=100)] = None
    campaign: Name | None = None


@dataclass(frozen=True, slots=True)
class Employer:
    """What these routes are made of."""

    writer: Writer
    proposals: Proposals
    read_model: ReadModel
    algorithms: Algorithms
    jobs: Jobs
    outbound: Outbound
    callbacks: Callbacks
    house: tuple[str, ...]

    async def proposed(self, event: Event, about: object, request: Request) -> Verdict | Pending:
        """What the log makes of a request. Raises Problem for its no."""
        return await self.proposals.judged(event, about, request, REJECTED)


@ROUTES.post("/v1/jobs", status_code=202, responses=documented(*ASKING), max_body_size=JSON_BYTES)
async def ask(request: HttpRequest, who: Ask, body: Asked, idempotency_key: IdempotencyKey = None) -> Response:
    """Run one algorithm on one of one's own images, or on one from elsewhere."""
    house, retry = _house(request), asked(request, who, idempotency_key)
    algorithm = await house.algorithms.checked(body.algorithm, body.params)
    if body.image_url:
        return await _fetch(house, retry, body.image_url, Upload(filename="", callback=body.callback), algorithm)
    image = await house.writer.own(retry, image_named(body.image_id or ""))
    about = ["job", str(image.image_id), algorithm, body.callback]
    callback = await house.callbacks.to(body.callback, who.account)
    made = await house.proposed(commands.analyze(image, (algorithm,), who.account, callback), about, retry)
    return await answer(made, partial(_shown, house, None))


@ROUTES.post("/v1/images:from-url", status_code=202, responses=documented(*ASKING), max_body_size=JSON_BYTES)
async def create(request: HttpRequest, who: Ask, body: FromUrl, idempotency_key: IdempotencyKey = None) -> Response:
    """A new image from an address: the job says when it is there."""
    house = _house(request)
    known = {*house.house, *await house.algorithms.without_params()}
    upload = body.upload(body.filename, wanted(body.algorithms, house.house, known))
    return await _fetch(house, asked(request, who, idempotency_key), body.image_url, upload, None)


@ROUTES.post(
    "/v1/images/{image_id}/reanalyze",
    status_code=202,
    responses=documented(*CHANGE),
    max_body_size=JSON_BYTES,
)
async def reanalyze(
    request: HttpRequest, who: Change, image_id: UUID, body: Again | None = None, idempotency_key: IdempotencyKey = None
) -> Response:
    """Run algorithms once more on one of one's own images: one job for all of them. What is known stays.

    With `campaign` no job, but how far that campaign is with the image; to admins, with anybody's image.
    """
    house, retry = _house(request), asked(request, who, idempotency_key)
    if body and body.campaign:
        if decide(who, "administer") != "allowed":
            await house.writer.own(retry, image_id)
        crowd = campaigning(request)
        return await crowd.one(await crowd.campaign(body.campaign, body.algorithms), image_id, retry)
    known = {*house.house, *await house.algorithms.without_params()}
    algorithms = wanted((body and body.algorithms) or house.house, (), known)
    image = await house.writer.own(retry, image_id)
    event = commands.analyze(image, algorithms, who.account)
    made = await house.proposed(event, ["reanalyze", str(image_id), algorithms], retry)
    return await answer(made, partial(_shown, house, None))


@ROUTES.post("/v1/jobs/{job_id}/retry", status_code=202, responses=documented(*CHANGE, "job-not-finished"))
async def retry(request: HttpRequest, who: Ask, job_id: UUID, idempotency_key: IdempotencyKey = None) -> Response:
    """One more attempt at a job that has ended."""
    house, again = _house(request), asked(request, who, idempotency_key)
    found = await _own(house, job_id, who)
    if found.status not in ("failed", "succeeded"):
        raise Problem("job-not-finished", f"The job is {found.status}; it can be tried again once it has ended.")
    job, first = found.job, await house.read_model.event(job_id)
    if job.cause is None or not job.wanted:
        event: Event = commands.fetch_again(first, job_id, who.account)
    else:
        image = await house.writer.own(again, job.image_id)
        event = commands.analyze(image, job.wanted, who.account, first.callback, job_id)
    made = await house.proposed(event, ["retry", str(job_id)], again)
    return await answer(made, partial(_shown, house, job_id))


async def _fetch(house: Employer, request: Request, url: str, upload: Upload, algorithm: Wanted | None) -> Response:
    await allowed(house.outbound, url, "/image_url")
    callback = await house.callbacks.to(upload.callback, request.actor)
    about = ["fetch", url, upload, algorithm]
    image_id = ids.image(ids.requested(request.id, None, about, None))
    made = await house.proposed(
        commands.fetch(upload, url, image_id, request.actor, algorithm, callback), about, request
    )
    return await answer(made, partial(_shown, house, None))


async def _own(house: Employer, job_id: UUID, who: Principal) -> DescribedJob:
    found = await house.jobs.one(job_id)
    if found is None or found.job.owner != who.account:
        raise Problem("not-found", f"there is no job {job_id}")
    return found


async def _shown(house: Employer, job_id: UUID | None, verdict: Verdict) -> Response:
    """The job; without an id the one that the judged event has made."""
    job_id = job_id or verdict.event_id
    found = await house.jobs.known(job_id)
    assert found is not None  # its event has been accepted
    position = str(verdict.position)
    headers = {"Location": f"/v1/jobs/{job_id}", "Framelog-Position": position}
    return Json({**job_json(found), "position": position}, 202, headers)


def _house(request: HttpRequest) -> Employer:
    found: Employer = request.app.state.employer
    return found
