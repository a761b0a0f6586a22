"""What admins read of the house's workings."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Request, Response

from adapters.http import Json
from adapters.principal import may
from contracts.permissions import Principal
from services.query.lagging import Lagging
from services.query.parts import FRESH

ROUTES = APIRouter(tags=["operations"])

Admin = Annotated[Principal, may("administer")]


@dataclass(frozen=True, slots=True)
class Overseeing:
    """What these routes are made of."""

    lagging: Lagging
    now: Callable[[], datetime]


@ROUTES.get("/v1/admin/projections")
async def list_projections(request: Request, who: Admin) -> Response:
    """How far each read model is, partition by partition, and the rebuilds under way with rate and time left."""
    house: Overseeing = request.app.state.overseeing
    items = await house.lagging.projections(house.now())
    return Json({"items": items, "rebuilds": await house.lagging.builds()}, headers=FRESH)
