"""What is read of Framelog itself: verdicts, algorithms, readiness."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Response
from msgspec import structs

from adapters.http import Json
from adapters.principal import may
from contracts.permissions import Principal
from contracts.problems import Problem
from services.query.parts import FRESH, Parts, after
from services.query.verdicts import verdict_json

ROUTES = APIRouter()

Anybody = Annotated[Principal, may("see-self")]


@ROUTES.get("/v1/events/{event_id}", tags=["events"], dependencies=[Depends(after)])
async def show_event(parts: Parts, who: Anybody, event_id: UUID) -> Response:
    """What became of a write: `pending`, `accepted`, or `rejected` with the reason."""
    return Json(await verdict_json(parts.read_model, parts.fresh, event_id, who), headers=FRESH)


@ROUTES.get("/v1/algorithms", tags=["algorithms"])
async def list_algorithms(parts: Parts, who: Anybody) -> Response:
    """Every algorithm that is installed, and why one does not run."""
    found = await parts.algorithms.descriptors()
    return Json({"items": [structs.asdict(one) for one in found]}, headers=FRESH)


@ROUTES.get("/readyz", include_in_schema=False)
@ROUTES.get("/health", include_in_schema=False)
async def readyz(parts: Parts) -> Response:
    """200 once what the log held at the start can be read; then 503 only while Kafka or object storage is down."""
    state = await parts.readiness.state()
    if state.down:
        detail = f"{', '.join(state.down)}: not there yet."
        raise Problem("unavailable", detail, headers={"Retry-After": "1"}, down=state.down)
    return Json({"status": "ready"} | ({"degraded": state.degraded} if state.degraded else {}), headers=FRESH)
