"""Every installed algorithm, asked over HTTP about the bytes in the request: nothing is stored, no event is written."""

import asyncio
import hashlib
from base64 import b64encode
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request, Response

from adapters.http import Json
from adapters.problem_json import documented
from contracts.analyses import Failure
from contracts.images import Wanted
from contracts.problems import BY_SLUG, Problem
from services.analyzer.algorithm import Algorithm
from services.analyzer.analysis import Analysis, Found
from services.analyzer.infer.params import params_of
from services.analyzer.jobs import Picture
from services.analyzer.opening import is_accepted

ROUTES = APIRouter(tags=["inference"])
_IMAGE = {"type": "string", "format": "binary", "description": "JPEG, PNG, GIF, WebP, AVIF, TIFF, BMP or HEIC"}
BODY: dict[str, Any] = {
    "requestBody": {"required": True, "content": {"application/octet-stream": {"schema": _IMAGE}}},
    "parameters": [
        {
            "name": "params",
            "in": "query",
            "style": "form",
            "explode": True,
            "schema": {"type": "object", "additionalProperties": True},
            "description": "the algorithm's params, each by its name, as in `?top_k=3`",
        }
    ],
}
ERRORS = (
    *("not-found", "request-timeout", "too-large", "unsupported-media-type", "empty-upload", "undecodable-image"),
    *("too-many-pixels", "too-many-frames", "decode-timeout", "decode-memory", "decoder-died", "algorithm-disabled"),
    *("algorithm-failed", "invalid-params", "unavailable"),
)


@dataclass(frozen=True, slots=True)
class Inference:
    """What these routes are made of. `room` bounds the pictures in memory, `most_bytes` each of them.

    A request waits `patience` seconds for its turn, its body unread.
    """

    analysis: Analysis
    installed: Mapping[str, Algorithm]
    disabled: Mapping[str, str]
    room: asyncio.Semaphore
    most_bytes: int
    patience: float = 10.0

    def algorithm(self, name: str) -> Algorithm:
        """Raises the Problems `algorithm-disabled` and `not-found`."""
        if name in self.disabled:
            raise Problem("algorithm-disabled", f"{name} is off: {self.disabled[name]}.")
        if name not in self.installed:
            raise Problem("not-found", f"There is no {name[:100]}; there are {', '.join(sorted(self.installed))}.")
        return self.installed[name]

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Raises the Problem `unavailable`."""
        try:
            async with asyncio.timeout(self.patience):
                await self.room.acquire()
        except TimeoutError:
            raise Problem("unavailable", "Every decoder is at work.", headers={"Retry-After": "5"}) from None
        try:
            yield
        finally:
            self.room.release()


@ROUTES.post("/v1/infer/{algorithm}", openapi_extra=BODY, responses=documented(*ERRORS))
async def infer(request: Request, algorithm: str) -> Response:
    """What the algorithm finds in the picture that is the body. Its renditions, if it makes any, come as base64."""
    inference: Inference = request.app.state.inference
    asked = inference.algorithm(algorithm)
    params = params_of(request.query_params.multi_items(), asked.params_schema)
    async with inference.turn():
        data, sha256 = await _received(request, inference.most_bytes)
        found = await inference.analysis.look(data, sha256, [Wanted(algorithm=algorithm, params=params)])
    return Json(_said(found))


@ROUTES.get("/readyz", include_in_schema=False)
@ROUTES.get("/health", include_in_schema=False)
async def readyz() -> Response:
    """The port opens once every decoder has started; one that ends is started anew."""
    return Json({"status": "ready"})


async def _received(request: Request, most: int) -> tuple[bytes, str]:
    """The body and its SHA-256. Raises `too-large`, `empty-upload` and `unsupported-media-type`."""
    data, digest = bytearray(), hashlib.sha256()
    async for chunk in request.stream():
        data += chunk
        digest.update(chunk)
        if len(data) > most:
            raise Problem("too-large", f"An image may have at most {most:,} bytes.")
    if not data:
        raise Problem("empty-upload", "The body has no bytes.")
    if not is_accepted(bytes(data[:16])):
        raise Problem("unsupported-media-type", "The body begins like no accepted kind of image.")
    return bytes(data), digest.hexdigest()


def _said(found: Found) -> dict[str, Any]:
    for failure in found.failures:
        raise _problem(failure)
    (result,) = found.results
    said: dict[str, Any] = {
        "algorithm": result.algorithm,
        "version": str(result.version),
        "result": result.result,
    }
    return said | ({"renditions": [_rendition(one) for one in found.pictures]} if found.pictures else {})


def _problem(failure: Failure) -> Problem:
    slug = failure.type if failure.type in BY_SLUG else "algorithm-failed"
    return Problem(slug, f"{failure.algorithm}: {failure.detail}.")


def _rendition(picture: Picture) -> dict[str, Any]:
    return {
        "name": picture.name,
        "sha256": picture.sha256,
        "media_type": picture.media_type,
        "width": picture.width,
        "height": picture.height,
        "base64": b64encode(picture.data).decode(),
    }
