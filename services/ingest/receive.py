"""An upload's request: `read` takes all of its body and judges it; what it yields is kept only when told so."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass

from starlette.requests import ClientDisconnect, Request

from adapters.objects import PART, Objects
from contracts.events import TryLater
from contracts.images import Content
from contracts.problems import Problem
from services.ingest.budget import Budget
from services.ingest.filenames import safe
from services.ingest.incoming import Incoming
from services.ingest.media import Limits
from services.ingest.multipart import Fields, Form, boundary, read_form

HELD = PART + 256 * 1024
FORM_BYTES = 1024 * 1024
SLOWEST = 4 * 1024  # bytes per second, on average

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Received:
    """An upload that was read to its end. `filename` is always usable; `named` says whether the client gave one."""

    content: Content
    filename: str
    named: bool
    fields: Fields
    _incoming: Incoming

    async def keep(self) -> Content:
        """The bytes are durable under `content.storage_key` when it returns. Raises TryLater."""
        await self._incoming.keep(self.content)
        return self.content


@dataclass(frozen=True, slots=True)
class Receiver:
    """`temporary` makes a key no other upload has; `idle` is how long a client may send nothing, in seconds."""

    objects: Objects
    budget: Budget
    limits: Limits
    temporary: Callable[[], str]
    idle: float = 30.0

    @asynccontextmanager
    async def read(self, request: Request, known: Collection[str], raw: bool = False) -> AsyncIterator[Received]:
        """The upload in a request: a form with `file` and text fields that are `known`, or, if `raw`, bytes alone.

        Raises Problem for whatever is wrong with it, TryLater, and ClientDisconnect. Nothing is left of it at the end
        but what was kept.
        """
        separator = boundary(request.headers.get("content-type", ""))
        if separator is None and not raw:
            raise Problem("unsupported-media-type", "Send the image as multipart/form-data.")
        async with self.budget.reserve(_expected(request)):
            incoming = Incoming(self.objects, self.temporary(), self.limits)
            try:
                yield await _read(self._body(request), separator, known, incoming)
            finally:
                await _drop(incoming)

    async def _body(self, request: Request) -> AsyncIterator[bytes]:
        """The body as it comes off the socket. Raises `request-timeout` for a client that stops or trickles."""
        clock = asyncio.get_running_loop().time
        start, size = clock(), 0
        while True:
            try:
                async with asyncio.timeout_at(min(clock(), start + size / SLOWEST) + self.idle):
                    message = await request.receive()
            except TimeoutError:
                raise _too_slow() from None
            if message["type"] == "http.disconnect":
                raise ClientDisconnect
            if chunk := message.get("body", b""):
                size += len(chunk)
                yield chunk
            if size > self.limits.bytes + FORM_BYTES:
                raise Problem("too-large", f"An image may have at most {self.limits.bytes:,} bytes.")
            if not message.get("more_body"):
                return


async def _read(
    body: AsyncIterator[bytes], separator: str | None, known: Collection[str], incoming: Incoming
) -> Received:
    form = Form()
    if separator is not None:
        form = await read_form(body, separator, known, incoming.write)
    else:
        async for chunk in body:
            await incoming.write(chunk)
    content = await incoming.finish()
    return Received(content, safe(form.filename, content.media_type), bool(form.filename), form.fields, incoming)


async def _drop(incoming: Incoming) -> None:
    try:
        await incoming.drop()
    except TryLater as error:
        log.warning("an upload's temporary object is left to the sweep: %s", error)


def _expected(request: Request) -> int:
    """What an upload may hold in memory, in bytes; a chunked body does not say how long it is."""
    said = request.headers.get("content-length")
    return min(int(said), HELD) if said else HELD


def _too_slow() -> Problem:
    return Problem("request-timeout", "The body came too slowly.", headers={"Connection": "close"})
