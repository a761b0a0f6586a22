"""An upload's request: `read` takes all of its body and judges it; what it yields is kept only when told so."""

import logging
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from starlette.requests import Request

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

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Received:
    """An upload that was read to its end. `filename` is safe, and made up where the client gave none."""

    content: Content
    filename: str
    fields: Fields
    _incoming: Incoming
    _held: AsyncExitStack

    async def keep(self) -> None:
        """The bytes are durable under `content.storage_key`, and out of memory, when it returns. Raises TryLater."""
        await self._incoming.keep(self.content)
        await self._held.aclose()


@dataclass(frozen=True, slots=True)
class Receiver:
    """`temporary` makes a key no other upload has."""

    objects: Objects
    budget: Budget
    limits: Limits
    temporary: Callable[[], str]

    @asynccontextmanager
    async def read(self, request: Request, known: Collection[str], raw: bool = False) -> AsyncIterator[Received]:
        """The upload in a request: a form with `file` and text fields that are `known`, or, if `raw`, bytes alone.

        Raises Problem for whatever is wrong with it, TryLater, and what reading the body raises. Nothing is left of it
        at the end but what was kept.
        """
        separator = boundary(request.headers.get("content-type", ""))
        if separator is None and not raw:
            raise Problem("unsupported-media-type", "Send the image as multipart/form-data.")
        async with self._incoming(_expected(request)) as (incoming, held):
            form = await _form(self._body(request), separator, known, incoming)
            content = await incoming.finish()
            filename = safe(form.filename, content.media_type)
            yield Received(content, filename, form.fields, incoming, held)

    @asynccontextmanager
    async def take(self, chunks: AsyncIterator[bytes], filename: str | None) -> AsyncIterator[Received]:
        """The picture that comes in `chunks`, in the same way."""
        async with self._incoming(HELD) as (incoming, held):
            async for chunk in chunks:
                if chunk:
                    await incoming.write(chunk)
            content = await incoming.finish()
            yield Received(content, safe(filename, content.media_type), {}, incoming, held)

    @asynccontextmanager
    async def _incoming(self, expected: int) -> AsyncIterator[tuple[Incoming, AsyncExitStack]]:
        async with AsyncExitStack() as held:
            await held.enter_async_context(self.budget.reserve(expected))
            incoming = Incoming(self.objects, self.temporary(), self.limits)
            held.push_async_callback(_drop, incoming)
            yield incoming, held

    async def _body(self, request: Request) -> AsyncIterator[bytes]:
        size = 0
        async for chunk in request.stream():
            size += len(chunk)
            if size > self.limits.bytes + FORM_BYTES:
                raise Problem("too-large", f"An image may have at most {self.limits.bytes:,} bytes.")
            if chunk:
                yield chunk


async def _form(body: AsyncIterator[bytes], separator: str | None, known: Collection[str], incoming: Incoming) -> Form:
    """Reads the body into `incoming`, and what it says beside the bytes: nothing, where it is no form."""
    if separator is not None:
        return await read_form(body, separator, known, incoming.write)
    async for chunk in body:
        await incoming.write(chunk)
    return Form()


async def _drop(incoming: Incoming) -> None:
    try:
        await incoming.drop()
    except TryLater as error:
        log.warning("an upload's temporary object is left to the sweep: %s", error)


def _expected(request: Request) -> int:
    """What an upload may hold in memory, in bytes; a chunked body does not say how long it is."""
    said = request.headers.get("content-length")
    return min(int(said), HELD) if said else HELD
