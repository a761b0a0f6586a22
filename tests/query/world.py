"""The API and the projector as real processes, over a log that the test writes itself."""

import asyncio
import hashlib
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from itertools import count
from typing import Any, TypeVar
from uuid import UUID

import httpx

from adapters.log import Log
from adapters.objects import Objects
from contracts import ids
from contracts.analyses import Result
from contracts.codec import Event
from contracts.events import Json, Position
from contracts.images import Content, Wanted
from tests import events
from tests.declared import declared
from tests.events import cause, uid
from tests.ingest.serving import own_house
from tests.running import House, Stack

OWNER = "admin"
FRESHLY_NAMED = count()
T = TypeVar("T")


@dataclass
class World:
    """What a test writes to the log under made-up names, and the API that must show it."""

    house: House
    projector: asyncio.subprocess.Process
    log: Log
    objects: Objects
    client: httpx.AsyncClient
    last: Position | None = None

    async def append(self, event: Event, name: object = None) -> UUID:
        """The event's id. `name` makes it; without one it is new."""
        name = ("event", next(FRESHLY_NAMED)) if name is None else name
        self.last = (await self.log.append(event, cause(name))).position
        return uid(name)

    async def upload(self, name: object, results: Mapping[str, Json] | None = None, **changes: Any) -> UUID:
        """An image of the account `admin`, and what algorithms found in it, if they found anything."""
        image = uid(name)
        content = changes.pop("content", None) or events.content(name)
        wanted = changes.pop("wanted", tuple(Wanted(algorithm=one) for one in results or ()))
        fields = {"owner": OWNER, "actor": OWNER, "content": content, "wanted": wanted} | changes
        upload = await self.append(events.uploaded(image, **fields), ("upload", name))
        if results:
            await self.found(image, content, results, upload, owner=fields["owner"])
        return image

    async def found(
        self,
        image: UUID,
        content: Content,
        results: Mapping[str, Json],
        upload: UUID,
        version: int = 1,
        owner: str = OWNER,
    ) -> None:
        every = tuple(
            Result(algorithm=algorithm, version=version, params={}, result=result)
            for algorithm, result in results.items()
        )
        wanted = tuple(Wanted(algorithm=algorithm) for algorithm in results)
        await self.append(
            events.completed(image, upload, owner=owner, sha256=content.sha256, wanted=wanted, results=every)
        )

    async def store(self, data: bytes, key: str | None = None) -> Content:
        """Bytes in the bucket, as the content of an image; under another key, where they are not to be found."""
        sha256 = hashlib.sha256(data).hexdigest()
        await self.objects.put(key or ids.original_key(sha256), data)
        return events.content(sha256=sha256, size=len(data), storage_key=ids.original_key(sha256))

    async def get(self, path: str, headers: Mapping[str, str] | None = None, **query: Any) -> httpx.Response:
        """An answer that is as new as the last event this test has written."""
        after = {"Framelog-After": str(self.last)} if self.last else {}
        return await self.client.get(path, headers={**after, **(headers or {})}, params=query or None)

    async def listed(self, **query: Any) -> list[UUID]:
        answer = await self.get("/v1/images", **query)
        assert answer.status_code == 200, answer.text
        return [UUID(one["id"]) for one in answer.json()["items"]]

    @contextmanager
    def projector_frozen(self) -> Iterator[None]:
        """What is written meanwhile is in the log, and not in the read model."""
        self.projector.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.projector.send_signal(signal.SIGCONT)

    async def until(self, there: Callable[[], Awaitable[T]], within: float = 20) -> T:
        """What is there, as soon as it is anything: facts come through other partitions than their images."""
        async with asyncio.timeout(within):
            while True:
                if found := await there():
                    return found
                await asyncio.sleep(0.05)


@asynccontextmanager
async def world(stack: Stack, **settings: object) -> AsyncIterator[World]:
    async with (
        own_house(stack) as house,
        house.run("services.projector") as projector,
        served(house, **settings) as url,
        Log(stack.kafka, house.names) as log,
        Objects(stack.s3, stack.s3_access_key, stack.s3_secret_key, house.bucket, "us-east-1") as objects,
        httpx.AsyncClient(base_url=url, timeout=30, event_hooks={"response": [declared]}) as client,
    ):
        await ready(client)
        client.headers.update(house.bearer())
        yield World(house, projector, log, objects, client)


@asynccontextmanager
async def served(house: House, **settings: object) -> AsyncIterator[str]:
    """The API's address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    async with house.run("services.api", port=port, host="127.0.0.1", log_level="WARNING", **settings):
        yield f"http://127.0.0.1:{port}"


async def ready(client: httpx.AsyncClient, within: float = 30) -> None:
    async with asyncio.timeout(within):
        while True:
            try:
                if (await client.get("/readyz")).status_code == 200:
                    return
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.1)
