"""The least that any service between a client and the store must do: receive a form, hash it, put it, answer.

No framework, no log, no read model; Framelog's own parser and its own way to the store. What this reaches of a
presigned PUT is what a store-and-forward service in one process can reach on this machine. Settings as of the API.
"""

import hashlib
from collections.abc import AsyncIterator

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from adapters.http_server import server
from adapters.objects import Objects
from contracts import ids
from services.api import objects_of
from services.ingest.multipart import boundary, read_form
from services.settings import Api


class Relay:
    def __init__(self, objects: Objects) -> None:
        self._objects = objects

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["method"] == "GET":
            await Response(b"ok")(scope, receive, send)
        else:
            sha256 = await self._upload(Request(scope, receive))
            await Response(orjson.dumps({"sha256": sha256}), 201)(scope, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        async with self._objects:
            await send({"type": "lifespan.startup.complete"})
            await receive()
        await send({"type": "lifespan.shutdown.complete"})

    async def _upload(self, request: Request) -> str:
        found = hashlib.sha256()
        chunks: list[bytes] = []

        async def write(chunk: bytes) -> None:
            found.update(chunk)
            chunks.append(chunk)

        separator = boundary(request.headers["content-type"])
        assert separator
        await read_form(_filled(request.stream()), separator, (), write)
        await self._objects.put(ids.original_key(found.hexdigest()), chunks, "image/jpeg")
        return found.hexdigest()


async def _filled(body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    async for chunk in body:
        if chunk:
            yield chunk


if __name__ == "__main__":
    settings = Api.read()
    server(Relay(objects_of(settings)), settings.host, settings.port).run()
