"""What is read of Framelog itself: verdicts, algorithms, readiness."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Response

from adapters.http import Json
from adapters.principal import may
from adapters.promotions import known
from contracts.permissions import Principal
from contracts.problems import Problem
from contracts.resources.algorithms import algorithm_json
from services.query.parts import FRESH, Parts, PartsAsTheyAre
from services.query.verdicts import verdict_json

ROUTES = APIRouter()

Anybody = Annotated[Principal, may("see-self")]


@ROUTES.get("/v1/events/{event_id}", tags=["events"])
async def show_event(parts: Parts, who: Anybody, event_id: UUID) -> Response:
    """What became of a write: `pending`, `accepted`, or `rejected` with the reason."""
    return Json(await verdict_json(parts.read_model, parts.fresh, event_id, who), headers=FRESH)


@ROUTES.get("/v1/algorithms", tags=["algorithms"])
async def list_algorithms(parts: PartsAsTheyAre, who: Anybody) -> Response:
    """Every algorithm that is installed, why one does not run, which versions there are and which speaks."""
    installed, promoted = await parts.algorithms.descriptors(), await parts.promotions.current()
    found = await parts.promotions.found()
    items = [
        algorithm_json(one, promoted.get(one.name), known(one.version, promoted.get(one.name), found.get(one.name, [])))
        for one in installed
    ]
    return Json({"items": items}, headers=FRESH)


@ROUTES.get("/readyz", include_in_schema=False)
@ROUTES.get("/health", include_in_schema=False)
async def readyz(parts: PartsAsTheyAre) -> Response:
    """200 once what the log held at the start can be read; then 503 only while Kafka or object storage is down."""
    state = await parts.readiness.state()
    if state.down:
        detail = f"{', '.join(state.down)}: not there yet."
        raise Problem("unavailable", detail, headers={"Retry-After": "1"}, down=state.down)
    return Json({"status": "ready"} | ({"degraded": state.degraded} if state.degraded else {}), headers=FRESH)
