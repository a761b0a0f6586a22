"""Server-sent events as a client reads them (WHATWG HTML §9.2)."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx


@dataclass
class Listener:
    """What has come, block by block. `last` is what a browser would send as Last-Event-ID."""

    answer: httpx.Response
    events: list[dict[str, Any]] = field(default_factory=list)
    comments: list[str] = field(default_factory=list)
    last: str | None = None
    retry: int | None = None
    ended: bool = False

    async def read(self) -> None:
        data = ""
        async for line in self.answer.aiter_lines():
            name, _, value = line.partition(":")
            value = value.removeprefix(" ")
            match name:
                case "data":
                    data += value
                case "id":
                    self.last = value
                case "retry":
                    self.retry = int(value)
                case "" if line:
                    self.comments.append(value)
                case "" if data:
                    self.events.append({**json.loads(data), "of the stream": self.last})
                    data = ""
        self.ended = True

    async def until(self, count: int, within: float = 20) -> list[dict[str, Any]]:
        """The events, as soon as there are so many."""
        async with asyncio.timeout(within):
            while len(self.events) < count:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        return self.events


@asynccontextmanager
async def listening(
    http: httpx.AsyncClient, signed: dict[str, str], last: str | None = None, **query: str
) -> AsyncIterator[Listener]:
    headers = {**signed, "Accept": "text/event-stream", **({"Last-Event-ID": last} if last else {})}
    async with http.stream("GET", "/v1/events", headers=headers, params=query, timeout=60) as answer:
        assert answer.status_code == 200, await answer.aread()
        assert answer.headers["content-type"].startswith("text/event-stream")
        listener = Listener(answer)
        reading = asyncio.create_task(listener.read())
        try:
            yield listener
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
