"""Every error as `application/problem+json` (RFC 9457): the API has one shape of no."""

import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

import orjson
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Match
from starlette.types import Scope

from contracts.events import TryLater
from contracts.problems import BY_SLUG, FieldError, Problem, ProblemType, invalid

MEDIA_TYPE = "application/problem+json"
MOST_ERRORS, MOST_OF_A_NAME = 50, 100
"""What is wrong is told of so many places; one request could name a hundred thousand."""
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
CLIENT_LEFT = 499
NAMES = "x-problems"
"""In OpenAPI, beside a response: the slugs of the problems that it may be."""
SLUG_OF = {
    400: "malformed-request",
    401: "unauthenticated",
    403: "forbidden",
    404: "not-found",
    405: "method-not-allowed",
    408: "request-timeout",
    413: "too-large",
    415: "unsupported-media-type",
    416: "range-not-satisfiable",
    429: "rate-limited",
    503: "unavailable",
}
"""What Starlette and FastAPI refuse by themselves, by status."""

Handler = Callable[[Request, Any], Awaitable[Response]]


def rendered(problem: Problem, instance: str, request_id: str) -> bytes:
    """The body of a problem's answer."""
    body: dict[str, Any] = {
        "type": problem.type.uri,
        "title": problem.type.title,
        "status": problem.type.status,
        "detail": problem.detail,
        "instance": instance,
        "request_id": request_id,
        **problem.members,
    }
    if problem.type.status == 422:
        body["errors"] = problem.errors
    return orjson.dumps(body, default=str)


def response(problem: Problem, scope: Scope) -> Response:
    body = rendered(problem, quote(scope["path"]), scope.get("request_id", ""))
    return Response(body, problem.type.status, problem.headers, MEDIA_TYPE)


def install(app: FastAPI) -> None:
    """Answers for everything a route or the framework raises; what nobody expects is left to `adapters.http.Edge`."""
    handlers: Mapping[type[Exception], Handler] = {
        Problem: _problem,
        HTTPException: _refused,
        RequestValidationError: _invalid,
        TryLater: _later,
        ClientDisconnect: _left,
    }
    for error, handler in handlers.items():
        app.add_exception_handler(error, handler)


async def _problem(request: Request, problem: Problem) -> Response:
    return response(problem, request.scope)


async def _refused(request: Request, error: HTTPException) -> Response:
    headers = dict(error.headers or {})
    if error.status_code == 405:
        headers["Allow"] = ", ".join(_allowed(request.scope))
    return response(of_status(error.status_code, _detail(error, request.scope), headers), request.scope)


def of_status(status: int, detail: str = "", headers: dict[str, str] | None = None) -> Problem:
    """The problem that says what a bare status says."""
    slug = SLUG_OF.get(status, "internal-error" if status >= 500 else "malformed-request")
    return Problem(slug, detail or f"{BY_SLUG[slug].title}.", headers=headers)


def _detail(error: HTTPException, scope: Scope) -> str:
    if error.status_code == 404:
        return f"There is nothing at {scope['path']}."
    if error.status_code == 405:
        return f"{scope['path']} does not take {scope['method']}."
    return str(error.detail)


def _allowed(scope: Scope) -> list[str]:
    """Every method of the path, whichever router it is in; the framework itself names those of one route only."""
    routes = scope["app"].router.routes
    probes = {method: {**scope, "method": method, "path_params": {}} for method in METHODS}
    taken = {method for method, probe in probes.items() if any(one.matches(probe)[0] == Match.FULL for one in routes)}
    return [method for method in METHODS if method in taken or (method == "HEAD" and "GET" in taken)]


async def _invalid(request: Request, error: RequestValidationError) -> Response:
    found: Sequence[Mapping[str, Any]] = error.errors()
    if any(one["loc"][0] == "path" for one in found):
        return response(Problem("not-found", f"There is nothing at {request.scope['path']}."), request.scope)
    if any(one["type"] == "json_invalid" for one in found):
        return response(Problem("malformed-request", "The body is not JSON."), request.scope)
    return response(invalid(*map(field_error, found[:MOST_ERRORS])), request.scope)


def field_error(found: Mapping[str, Any]) -> FieldError:
    """One error of pydantic's, which never repeats what the client sent."""
    return FieldError(pointer=pointer(found["loc"]), detail=found["msg"])


def pointer(location: Sequence[str | int]) -> str:
    """A JSON pointer (RFC 6901) into the body; `/query/limit`, `/header/if-match` for what is not in the body."""
    parts = location[1:] if location and location[0] == "body" else location
    return "".join("/" + str(part)[:MOST_OF_A_NAME].replace("~", "~0").replace("/", "~1") for part in parts)


async def _later(request: Request, error: TryLater) -> Response:
    headers = {"Retry-After": str(math.ceil(error.after or 1))}
    return response(Problem("unavailable", f"{error}.", headers=headers), request.scope)


async def _left(_: Request, __: ClientDisconnect) -> Response:
    return Response(status_code=CLIENT_LEFT)


def documented(*slugs: str) -> dict[int | str, dict[str, Any]]:
    """For a route's `responses`: the problems it may answer, so that OpenAPI lists every error."""
    types: dict[int, list[ProblemType]] = {}
    for slug in slugs:
        types.setdefault(BY_SLUG[slug].status, []).append(BY_SLUG[slug])
    return {
        status: {
            "description": "; ".join(f"`{one.slug}`: {one.title}" for one in found),
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
            NAMES: [one.slug for one in found],
        }
        for status, found in types.items()
    }


SCHEMA: Mapping[str, Any] = {
    "title": "Problem",
    "type": "object",
    "required": ["type", "title", "status", "detail", "instance", "request_id"],
    "properties": {
        "type": {"type": "string", "format": "uri-reference", "enum": [one.uri for one in BY_SLUG.values()]},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "instance": {"type": "string", "format": "uri-reference"},
        "request_id": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["pointer", "detail"],
                "properties": {"pointer": {"type": "string"}, "detail": {"type": "string"}},
            },
        },
    },
}
