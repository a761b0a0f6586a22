"""Every answer that a test gets is one that the API's own description declares: its status, and which problem it is."""

import re
from functools import cache
from typing import Any, cast

import httpx

from adapters.keys import Keys
from adapters.problem_json import MEDIA_TYPE, NAMES
from services.api import app
from services.settings import Api

Operations = dict[str, dict[str, Any]]


async def declared(answer: httpx.Response) -> None:
    """For the `event_hooks` of a client. Addresses and methods that the description does not have are not looked at."""
    operation = _operations(answer.request.url.path).get(answer.request.method.lower())
    if operation is None:
        return
    told = f"{answer.request.method} {answer.request.url.path} answers {answer.status_code}"
    one = operation["responses"].get(str(answer.status_code))
    assert one, f"{told}, which is not in the description of the API"
    if answer.headers.get("content-type") == MEDIA_TYPE and answer.request.method != "HEAD":
        await answer.aread()
        slug = answer.json()["type"].removeprefix("/problems/")
        assert slug in one[NAMES], f"{told} {slug}, which is not among {one[NAMES]}"


@cache
def _operations(path: str) -> Operations:
    """Of the first address that fits, by method."""
    return next((item for pattern, item in _addresses() if pattern.fullmatch(path)), {})


@cache
def _addresses() -> list[tuple[re.Pattern[str], Operations]]:
    """Those without a parameter first."""
    paths: dict[str, Operations] = app(Api(), cast(Keys, None)).openapi()["paths"]
    return [(re.compile(re.sub(r"{\w+}", "[^/]+", path)), paths[path]) for path in sorted(paths, key=_parameters)]


def _parameters(path: str) -> int:
    return path.count("{")
