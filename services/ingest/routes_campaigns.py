"""New versions over old images: what campaigns ask for, many images at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Response
from fastapi import Request as HttpRequest
from pydantic import BaseModel, ConfigDict, Field

from adapters.algorithms import Algorithms
from adapters.http import JSON_BYTES, Json
from adapters.principal import may
from adapters.problem_json import documented
from contracts.permissions import Principal
from contracts.problems import Problem
from services.ingest.answers import CHANGE, IdempotencyKey, ImageId, asked, image_named
from services.ingest.campaigns import Campaign, Campaigns, Standing
from services.ingest.fields import wanted
from services.ingest.proposals import Request

ROUTES = APIRouter(tags=["campaigns"])
MOST_IMAGES = 200

Ask = Annotated[Principal, may("add-image")]
Name = Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
Algorithm = Annotated[str, Field(max_length=100)]


class Asked(BaseModel):
    """Without `algorithms`, those of every image."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    campaign: Name
    algorithms: Annotated[tuple[Algorithm, ...] | None, Field(min_length=1, max_length=100)] = None
    images: Annotated[tuple[ImageId, ...], Field(min_length=1, max_length=MOST_IMAGES)]


@dataclass(frozen=True, slots=True)
class Campaigning:
    """What these routes are made of."""

    campaigns: Campaigns
    algorithms: Algorithms
    house: tuple[str, ...]

    async def campaign(self, name: str, algorithms: Sequence[str] | None) -> Campaign:
        """Raises the Problem `invalid-request` for an algorithm that does not run."""
        known = {*self.house, *await self.algorithms.without_params()}
        return Campaign(name, wanted(algorithms or self.house, (), known))

    async def one(self, campaign: Campaign, image_id: UUID, request: Request) -> Response:
        """How far a campaign is with one image. Raises the Problem `not-found`."""
        (standing,) = await self.campaigns.ask(campaign, [image_id], request)
        if standing.status == "gone":
            raise Problem("not-found", f"there is no image {image_id}")
        headers = {"Framelog-Position": str(standing.position)}
        return Json({"campaign": campaign.name, **standing_json(standing)}, 202, headers)


@ROUTES.post("/v1/images:reanalyze", status_code=202, responses=documented(*CHANGE), max_body_size=JSON_BYTES)
async def reanalyze_many(
    request: HttpRequest, who: Ask, body: Asked, idempotency_key: IdempotencyKey = None
) -> Response:
    """Run algorithms over images when nothing else is to do: one's own images, for admins anybody's. Asked again, the
    same campaign says how far each is: queued, running, completed, failed, or gone."""
    house = campaigning(request)
    campaign = await house.campaign(body.campaign, body.algorithms)
    named = {text: _named(text) for text in body.images}
    images = [image_id for image_id in named.values() if image_id]
    standings = await house.campaigns.ask(campaign, images, asked(request, who, idempotency_key)) if images else []
    items = [*map(standing_json, standings), *(_nothing(text) for text, image_id in named.items() if not image_id)]
    return Json({"campaign": campaign.name, "items": items}, 202)


def standing_json(one: Standing) -> dict[str, Any]:
    return {
        "image_id": one.image_id,
        "event_id": one.event_id,
        "status": one.status,
        "failures": [{"algorithm": each.algorithm, "detail": each.detail} for each in one.failures],
        "position": str(one.position) if one.position else None,
    }


def campaigning(request: HttpRequest) -> Campaigning:
    found: Campaigning = request.app.state.campaigning
    return found


def _named(text: str) -> UUID | None:
    try:
        return image_named(text)
    except Problem:
        return None


def _nothing(text: str) -> dict[str, Any]:
    """What is no id names nothing, like one that nobody has."""
    return {"image_id": text, "event_id": None, "status": "gone", "failures": [], "position": None}
