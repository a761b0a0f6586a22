"""What every HTTP process shares: the application, its JSON, its own pages."""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from html import escape
from typing import Any

import orjson
from fastapi import APIRouter, FastAPI
from fastapi_offline import FastAPIOffline
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, Response

from adapters import openapi, problem_json
from adapters.edge import Edge
from contracts.problems import BY_SLUG

JSON_BYTES = 1024 * 1024
"""`max_body_size` of every route that takes JSON."""

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


class Json(Response):
    """Whatever orjson takes: dicts, dataclasses, UUIDs, UTC datetimes."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        return orjson.dumps(content, option=orjson.OPT_UTC_Z)


def application(
    title: str, version: str, lifespan: Lifespan, routers: Sequence[APIRouter], idle: float = 30.0
) -> FastAPI:
    """An API whose every error is a problem. Routes spell their paths out in full: metrics name them by it.

    `idle` is how long a client may send nothing of a body it has begun, in seconds.
    """
    app = FastAPIOffline(
        redoc_url=None,
        title=title,
        version=version,
        lifespan=lifespan,
        redirect_slashes=False,
        telemetry={"tracing": False, "metrics": False, "logs": False},  # the edge does this
        responses=problem_json.documented(*openapi.ALWAYS),
    )
    problem_json.install(app)
    app.add_middleware(Edge, idle=idle)
    for router in (*routers, PAGES):
        app.include_router(router)
    app.openapi = lambda: openapi.described(app)  # type: ignore[method-assign]
    return app


PAGES = APIRouter(include_in_schema=False)


@PAGES.get("/livez")
async def livez() -> Response:
    """The process turns. Touches nothing."""
    return Json({"status": "ok"})


@PAGES.get("/metrics")
async def metrics() -> Response:
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


@PAGES.get("/problems/{slug}")
async def problem_page(slug: str) -> Response:
    """What a problem's `type` leads to."""
    problem = BY_SLUG.get(slug)
    if problem is None:
        raise HTTPException(404)
    title = escape(problem.title)
    return HTMLResponse(
        f"<!doctype html><title>{title}</title><h1>{title}</h1><p><code>{slug}</code>, {problem.status}"
    )
