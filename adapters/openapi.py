"""What the API says of itself (OpenAPI 3.1). Every error is in it: a route names its own, the rest follow from what it
takes.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from adapters import problem_json

ALWAYS = ("malformed-request", "invalid-request", "internal-error", "unavailable")
OF_CREDENTIALS = ("unauthenticated", "account-disabled")
OF_BODY = ("too-large", "request-timeout")
OF_PARAMETER = {
    ("header", "if-match"): ("version-required", "version-mismatch"),
    ("header", "idempotency-key"): ("idempotency-key-reuse", "outcome-unknown"),
    ("header", "framelog-after"): ("behind",),
}

Operation = dict[str, Any]


def described(app: FastAPI) -> dict[str, Any]:
    """The document, made once."""
    if not app.openapi_schema:
        schema = get_openapi(title=app.title, version=app.version, routes=app.routes)
        schema.setdefault("components", {}).setdefault("schemas", {})["Problem"] = problem_json.SCHEMA
        for operation in (one for item in schema["paths"].values() for one in item.values()):
            _name_errors(operation)
        app.openapi_schema = schema
    return app.openapi_schema


def _name_errors(operation: Operation) -> None:
    """Those its route names, and those that it does not need to."""
    responses: dict[str, Any] = operation["responses"]
    named = [slug for one in responses.values() for slug in one.get(problem_json.NAMES, ())]
    every = problem_json.documented(*dict.fromkeys((*ALWAYS, *_implied(operation), *named)))
    told = responses | {str(status): one for status, one in every.items()}
    operation["responses"] = dict(sorted(told.items()))


def _implied(operation: Operation) -> Iterator[str]:
    yield from _of_security(operation.get("security", ()))
    if "requestBody" in operation:
        yield from OF_BODY
    for parameter in operation.get("parameters", ()):
        if parameter["in"] == "path":
            yield "not-found"
        yield from OF_PARAMETER.get((parameter["in"], parameter["name"].lower()), ())


def _of_security(schemes: list[Mapping[str, list[str]]]) -> Iterator[str]:
    """Credentials can be wrong; where a scope is asked for, they can fall short of it."""
    if schemes:
        yield from OF_CREDENTIALS
    if any(scopes for scheme in schemes for scopes in scheme.values()):
        yield "forbidden"
