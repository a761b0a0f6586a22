"""HTTP/1.1 to one server over kept-alive connections: bodies leave uncopied, answers are read as they arrive.

Made for moving bytes between a service and its object store on every upload, where a general client takes a third of
the service's CPU (docs/adr/0006). No redirects, cookies, proxies or compression.
"""

import asyncio
import ssl
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import cast
from urllib.parse import SplitResult

from httptools import HttpParserError, HttpResponseParser

CONNECT_SECONDS = 5.0
SILENCE_SECONDS = 60.0
READ_AHEAD = 256 * 1024
WITH_BODY = ("PUT", "POST")

Buffer = bytes | bytearray | memoryview


class Broken(Exception):
    """The server cannot be reached, says nothing for too long, or breaks off."""


class Connection(asyncio.Protocol):
    """One exchange after the other. `used` from the second on, `heard` once the server has answered anything."""

    def __init__(self) -> None:
        self.used = False
        self._lost: str | None = None
        self._news = asyncio.Event()
        self._open()

    def _open(self) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.heard = self._bodiless = self._has_head = self._complete = self._keep = self._paused = False
        self._pieces: deque[bytes] = deque()
        self._ahead = 0
        self._parser = HttpResponseParser(self)

    async def ask(self, method: str, head: bytes, body: Sequence[Buffer]) -> None:
        """Sends a request and waits for the head of its answer. Raises Broken."""
        self._open()
        self._bodiless = method == "HEAD"
        if self._transport.is_closing():
            raise Broken(self._lost or "the connection was closed")
        self._transport.writelines([head, *body])
        while not self._has_head:
            await self._wait()

    async def chunks(self) -> AsyncIterator[bytes]:
        """The answer's body, not read much faster than it is taken. Raises Broken."""
        while self._pieces or not self._complete:
            if not self._pieces:
                await self._wait()
                continue
            piece = self._pieces.popleft()
            self._ahead -= len(piece)
            if self._paused and self._ahead <= READ_AHEAD:
                self._read_on()
            yield piece

    async def read(self, most: int | None = None) -> bytes:
        """All of the body, or its first `most` bytes and little more."""
        found, size = [], 0
        async for piece in self.chunks():
            found.append(piece)
            size += len(piece)
            if most is not None and size >= most:
                break
        return b"".join(found)

    @property
    def reusable(self) -> bool:
        """The answer has been read whole, the request has been sent whole, and the server stays."""
        left = self._pieces or self._transport.is_closing() or self._transport.get_write_buffer_size()
        return self._keep and not left

    def close(self) -> None:
        self._transport.abort()

    def _read_on(self) -> None:
        self._paused = False
        if not self._transport.is_closing():
            self._transport.resume_reading()

    async def _wait(self) -> None:
        """Until anything happens."""
        if self._lost is not None:
            raise Broken(self._lost)
        self._news.clear()
        try:
            async with asyncio.timeout(SILENCE_SECONDS):
                await self._news.wait()
        except TimeoutError:
            raise Broken(f"silence for {SILENCE_SECONDS:.0f} s") from None

    # What the transport says.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, error: Exception | None) -> None:
        self._lost = str(error or "the connection was closed")
        self._news.set()

    def data_received(self, data: bytes) -> None:
        self.heard = True
        try:
            self._parser.feed_data(data)
        except HttpParserError as error:
            self._lost = f"its answer is no HTTP: {error}"
            self.close()
        self._news.set()

    # What the parser says.

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        self.status = self._parser.get_status_code()
        self._has_head = self.status >= 200
        if self._bodiless:  # the length it names is that of a body that does not come
            self.on_message_complete()

    def on_body(self, piece: bytes) -> None:
        self._pieces.append(piece)
        self._ahead += len(piece)
        if self._ahead > READ_AHEAD and not self._paused:
            self._paused = True
            self._transport.pause_reading()

    def on_message_complete(self) -> None:
        if self._has_head:
            self._complete = True
            self._keep = self._parser.should_keep_alive()


class Server:
    """At most `connections` to one address, each handed on as soon as its answer has been read whole."""

    def __init__(self, address: SplitResult, connections: int) -> None:
        self._host, self._port = address.hostname or "", address.port or (443 if address.scheme == "https" else 80)
        self._tls = ssl.create_default_context() if address.scheme == "https" else None
        self._turns = asyncio.Semaphore(connections)
        self._idle: list[Connection] = []

    def close(self) -> None:
        while self._idle:
            self._idle.pop().close()

    @asynccontextmanager
    async def exchange(
        self, method: str, target: str, headers: Mapping[str, str], body: Sequence[Buffer] = ()
    ) -> AsyncIterator[Connection]:
        """The connection on which the answer arrives, its head read. `headers` must name the host. Raises Broken."""
        head = _head(method, target, headers, sum(map(len, body)) if method in WITH_BODY else None)
        async with self._turns:
            connection = await self._asked(method, head, body)
            try:
                yield connection
            finally:
                if connection.reusable:
                    connection.used = True
                    self._idle.append(connection)
                else:
                    connection.close()

    async def _asked(self, method: str, head: bytes, body: Sequence[Buffer]) -> Connection:
        """Asks once more where a connection turns out to have been closed while it lay idle."""
        while True:
            connection = self._idle.pop() if self._idle else await self._connect()
            try:
                await connection.ask(method, head, body)
            except Broken:
                connection.close()
                if connection.heard or not connection.used:
                    raise
            except BaseException:
                connection.close()
                raise
            else:
                return connection

    async def _connect(self) -> Connection:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                _, connection = await loop.create_connection(Connection, self._host, self._port, ssl=self._tls)
        except TimeoutError:
            raise Broken(f"no connection to {self._host}:{self._port} in {CONNECT_SECONDS:.0f} s") from None
        except OSError as error:
            raise Broken(str(error)) from error
        return connection


def _head(method: str, target: str, headers: Mapping[str, str], length: int | None) -> bytes:
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    if length is not None:
        lines.append(f"Content-Length: {length}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1")
