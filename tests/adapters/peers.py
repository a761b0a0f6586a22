"""Servers on loopback that say exactly what a test scripts, and count who came."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from ipaddress import ip_address

from adapters.outbound.addresses import Address
from adapters.outbound.target import HostPort

Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Peer:
    host: str
    port: int
    requests: list[bytes] = field(default_factory=list)
    visits: list[asyncio.Task[None]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}/"

    @property
    def itself(self) -> frozenset[HostPort]:
        """The exception that lets a test reach it."""
        return frozenset({(self.host, self.port)})

    @property
    def connections(self) -> int:
        return len(self.visits)

    async def left(self) -> None:
        """Everybody who came has closed the connection."""
        await asyncio.wait_for(asyncio.gather(*self.visits), 2)


@asynccontextmanager
async def peer(said: Script | bytes, tls: ssl.SSLContext | None = None) -> AsyncIterator[Peer]:
    """Answers each request with a script, or with these bytes, and closes."""
    script = _saying(said) if isinstance(said, bytes) else said
    here = Peer("127.0.0.1", 0)

    async def visit(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, OSError, RuntimeError):  # uvloop's when writing to who has left
            here.requests.append(await reader.readuntil(b"\r\n\r\n"))
            await script(reader, writer)
        writer.close()

    def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        here.visits.append(asyncio.create_task(visit(reader, writer)))

    server = await asyncio.start_server(serve, here.host, 0, ssl=tls)
    here.port = server.sockets[0].getsockname()[1]
    try:
        yield here
    finally:
        server.close()
        for one in here.visits:
            one.cancel()
        await asyncio.gather(*here.visits, return_exceptions=True)


def _saying(said: bytes) -> Script:
    async def script(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(said)
        await writer.drain()

    return script


def ok(body: bytes = b"", *headers: bytes) -> bytes:
    return b"\r\n".join([b"HTTP/1.1 200 OK", b"Content-Length: %d" % len(body), *headers, b"", body])


def moved(location: str, status: int = 302) -> bytes:
    return b"HTTP/1.1 %d Found\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n" % (status, location.encode())


class Names:
    """A name server that gives its answers one after the other, the last one for ever."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.asked: list[str] = []
        self._answers = answers

    async def __call__(self, host: str) -> Sequence[Address]:
        self.asked.append(host)
        answer = self._answers[min(len(self.asked), len(self._answers)) - 1]
        return [ip_address(one) for one in answer]
