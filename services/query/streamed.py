"""An answer whose body comes in chunks, of a length known beforehand, and which lets go of its source at once."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Self

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

SAFE = {"X-Content-Type-Options": "nosniff", "Content-Security-Policy": "default-src 'none'; sandbox"}
"""Headers of bytes that a stranger made: they are a picture, and nothing that a browser runs."""
SECONDS_PER_CHUNK = 60.0
"""What a client may take to take 256 KiB: it holds memory meanwhile."""


class Streamed(Response):
    """Anything that is raised half-way breaks the connection, so that no client takes a part for the whole."""

    def __init__(
        self, first: bytes, rest: AsyncGenerator[bytes, None], status: int, headers: Mapping[str, str]
    ) -> None:
        super().__init__(None, status, headers)
        self._first = first
        self._rest = rest

    @classmethod
    async def begin(
        cls, chunks: AsyncGenerator[bytes, None], length: int, status: int, headers: Mapping[str, str]
    ) -> Self:
        """An answer once there is something to say: what the source raises before is still an answer of its own."""
        return cls(await anext(chunks), chunks, status, {**headers, "Content-Length": str(length)})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with aclosing(self._rest) as rest:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            await self._send(send, self._first)
            async for chunk in rest:
                await self._send(send, chunk)
            await send({"type": "http.response.body", "body": b""})

    async def _send(self, send: Send, chunk: bytes) -> None:
        async with asyncio.timeout(SECONDS_PER_CHUNK):
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
