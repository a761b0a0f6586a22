"""The edge of every HTTP process: request ids, metrics, spans, and an answer to what nobody expected."""

import logging
import os
import re
import time
from contextlib import suppress
from uuid import UUID

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from adapters import problem_json
from adapters.bodies import Body
from adapters.metrics import REQUEST_BYTES, REQUEST_SECONDS, REQUESTS
from adapters.tracing import Passed, span
from contracts.events import TRACEPARENT
from contracts.problems import Problem

_REQUEST_ID = re.compile(rb"[A-Za-z0-9._~:/+=-]{1,128}")
_METHODS = frozenset(problem_json.METHODS) | {"OPTIONS"}
log = logging.getLogger(__name__)


class Edge:
    """Around all routes: gives the request its id and its span, counts and times it, and turns whatever no route
    answers into a problem. `idle` is how long a client may send nothing of a body it has begun, in seconds.
    """

    def __init__(self, app: ASGIApp, idle: float) -> None:
        self.app = app
        self._idle = idle

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        await _Exchange(scope, Body(receive, self._idle), send).run(self.app)


class _HeadTold(Exception):
    """All that HEAD asks for has been sent: whoever makes the body stops, and lets go of what it is made of."""


class _Exchange:
    """One request and its answer."""

    def __init__(self, scope: Scope, body: Body, send: Send) -> None:
        self._scope, self._body, self._send = scope, body, send
        self._method = scope["method"]
        if self._method == "HEAD":  # is answered as GET is, up to where the body would begin (RFC 9110 §9.3.2)
            self._scope = scope = {**scope, "method": "GET"}
        self._status = 0
        self._replaced = False
        self._id = scope["request_id"] = _request_id(scope)

    async def run(self, app: ASGIApp) -> None:
        with span("request", "SERVER", _traceparent(self._scope), {}) as here:
            self._scope["traceparent"] = here.traceparent
            with suppress(_HeadTold):
                await self._run(app, here)

    async def _run(self, app: ASGIApp, here: Passed) -> None:
        start = time.perf_counter()
        try:
            await app(self._scope, self._body.receive, self._answer)
        except _HeadTold:
            raise
        except Exception:
            log.exception("unexpected", extra={"request_id": self._id, "path": self._scope["path"]})
            if self._status:
                raise  # the answer has begun: only a broken connection can tell the client now
            await self._say(Problem("internal-error", "The request id tells the operator where to look."))
        finally:
            self._count(time.perf_counter() - start, here)

    async def _answer(self, message: Message) -> None:
        """The framework's own refusals that pass by every handler are plain text; they are said as problems."""
        starts = message["type"] == "http.response.start"
        if starts and message["status"] >= 400 and _is_plain(message):
            self._replaced = True
            await self._say(problem_json.of_status(message["status"]))
        elif not self._replaced:
            await self._pass_on(message)

    async def _say(self, problem: Problem) -> None:
        await problem_json.response(problem, self._scope)(self._scope, self._body.receive, self._pass_on)

    async def _pass_on(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._status = message["status"]
            message.setdefault("headers", []).append((b"x-request-id", self._id.encode()))
        elif self._method == "HEAD":
            await self._send({"type": "http.response.body"})
            raise _HeadTold
        await self._send(message)

    def _count(self, seconds: float, here: Passed) -> None:
        method = self._method if self._method in _METHODS else "other"
        route = getattr(self._scope.get("route"), "path", "unknown")
        REQUESTS.labels(method, route, self._status).inc()
        REQUEST_SECONDS.labels(method, route).observe(seconds)
        REQUEST_BYTES.labels(method, route).observe(self._body.size)
        said = {"http.request.method": method, "http.route": route, "http.response.status_code": self._status}
        here.say(f"{method} {route}", said)


def uuid7() -> UUID:
    """An id that is later in order the later it is made (RFC 9562 §5.7)."""
    milliseconds = time.time_ns() // 1_000_000
    random = int.from_bytes(os.urandom(10), "big")
    return UUID(int=milliseconds << 80 | 0x7 << 76 | (random >> 62 & 0xFFF) << 64 | 0b10 << 62 | random & (1 << 62) - 1)


def _is_plain(start: Message) -> bool:
    return any(name == b"content-type" and value.startswith(b"text/plain") for name, value in start["headers"])


def _header(scope: Scope, wanted: bytes) -> bytes:
    return next((value for name, value in scope["headers"] if name == wanted), b"")


def _traceparent(scope: Scope) -> str | None:
    """The caller's span; None for what is none, which would go into every event that follows."""
    given = _header(scope, b"traceparent").decode("latin-1")
    return given if TRACEPARENT.fullmatch(given) else None


def _request_id(scope: Scope) -> str:
    """The client's own X-Request-Id where it can go into a log line, else a new one."""
    given = _header(scope, b"x-request-id")
    return given.decode() if _REQUEST_ID.fullmatch(given) else str(uuid7())
