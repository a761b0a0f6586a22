"""A way between one process and one server that a drill can watch, slow, cut and spring traps on.

What a crash point is in a process, an observer on the wire knows as well: a PUT that has not reached the store, a
record that the log has and whose answer nobody has read. So no service carries a hook for its tests.
"""

import asyncio
import random
import struct
from asyncio import StreamReader, StreamWriter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Literal, Self

CHUNK = 64 * 1024
HOST = "127.0.0.1"

Seen = Callable[[bytes], bool]
"""Whether this is the message that a trap waits for."""
Where = Literal["request", "answer"]
Read = Callable[[StreamReader], Awaitable[bytes]]


async def chunk(reader: StreamReader) -> bytes:
    """HTTP and Postgres: clients of ours write a request's head, and a COMMIT, at once."""
    return await reader.read(CHUNK)


async def frame(reader: StreamReader) -> bytes:
    """Kafka: four bytes of length, then so many bytes."""
    try:
        head = await reader.readexactly(4)
        return head + await reader.readexactly(struct.unpack(">i", head)[0])
    except asyncio.IncompleteReadError:
        return b""


def any_answer(request: bytes, answer: bytes) -> bool:
    """One exchange after the other: what comes next is the answer."""
    return True


def same_correlation(request: bytes, answer: bytes) -> bool:
    """Kafka: both carry the number that the client gave the request."""
    return request[8:12] == answer[4:8]


@dataclass(slots=True)
class Trap:
    """Springs at the nth request that is `seen`: on its way, or when its answer is.

    `then` is awaited before anything goes on. The message itself dies with its connection, unless it `passes`: then it
    goes on as soon as the link is open.
    """

    seen: Seen
    where: Where
    nth: int
    then: Callable[[], Awaitable[None]]
    passes: bool
    sprung: asyncio.Event = field(default_factory=asyncio.Event)

    def catches(self, request: bytes) -> bool:
        if self.nth <= 0 or not self.seen(request):
            return False
        self.nth -= 1
        return self.nth == 0


@dataclass(eq=False, slots=True)
class Passage:
    """One connection through a link: both its ends, and the request whose answer a trap waits for."""

    client: StreamReader
    to_client: StreamWriter
    server: StreamReader
    to_server: StreamWriter
    awaited: bytes | None = None

    def abort(self) -> None:
        self.to_client.transport.abort()
        self.to_server.transport.abort()


class Link:
    """Listens on `port` while it is entered. Every byte passes untouched unless it is told otherwise."""

    def __init__(self, port: int, read: Read = chunk, answers: Callable[[bytes, bytes], bool] = any_answer) -> None:
        self._target = port
        self._read = read
        self._answers = answers
        self._open = asyncio.Event()
        self._open.set()
        self._trap: Trap | None = None
        self._passages: set[Passage] = set()
        self._pumps: set[asyncio.Task[None]] = set()
        self.port = 0
        self.delay = 0.0
        self.resetting: random.Random | None = None
        """Breaks off one message in twenty, as this chance has it."""

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, HOST, 0, limit=2 * CHUNK)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        self.cut()
        for pump in self._pumps:
            pump.cancel()
        await asyncio.gather(*self._pumps, return_exceptions=True)

    def cut(self) -> None:
        """Every connection there is ends, without a word."""
        for passage in self._passages:
            passage.abort()

    def swallow(self) -> None:
        """A black hole: connections stand, and nothing arrives any more."""
        self._open.clear()

    def heal(self) -> None:
        """As at first. What was swallowed arrives now, as after a pause of the network."""
        self.delay, self.resetting, self._trap = 0.0, None, None
        self._open.set()

    async def spring(
        self,
        seen: Seen,
        where: Where,
        nth: int,
        then: Callable[[], Awaitable[None]],
        *,
        passes: bool = False,
        within: float = 30,
    ) -> None:
        """Sets a trap and returns once it has sprung. Raises TimeoutError."""
        self._trap = trap = Trap(seen, where, nth, then, passes)
        try:
            async with asyncio.timeout(within):
                await trap.sprung.wait()
        finally:
            self._trap = None

    def _accept(self, client: StreamReader, to_client: StreamWriter) -> None:
        pump = asyncio.create_task(self._connect(client, to_client))
        self._pumps.add(pump)
        pump.add_done_callback(self._pumps.discard)

    async def _connect(self, client: StreamReader, to_client: StreamWriter) -> None:
        try:
            with suppress(OSError):
                server, to_server = await asyncio.open_connection(HOST, self._target, limit=2 * CHUNK)
                await self._carry(Passage(client, to_client, server, to_server))
        finally:
            to_client.transport.abort()

    async def _carry(self, passage: Passage) -> None:
        self._passages.add(passage)
        try:
            await _first_of(self._forward(passage), self._back(passage))
        finally:
            self._passages.discard(passage)
            passage.abort()

    async def _forward(self, passage: Passage) -> None:
        while request := await self._read(passage.client):
            await self._weather()
            trap = self._trap
            if trap and trap.catches(request):
                if trap.where == "request":
                    await self._close(trap)
                    if not trap.passes:
                        return
                    await self._open.wait()
                else:
                    passage.awaited = request
            passage.to_server.write(request)
            await passage.to_server.drain()

    async def _back(self, passage: Passage) -> None:
        while answer := await self._read(passage.server):
            await self._weather()
            trap = self._trap
            if trap and passage.awaited and self._answers(passage.awaited, answer):
                await self._close(trap)
                if not trap.passes:
                    return
                await self._open.wait()
            passage.to_client.write(self._addressed(answer))
            await passage.to_client.drain()

    async def _close(self, trap: Trap) -> None:
        self._trap = None
        await trap.then()
        trap.sprung.set()

    async def _weather(self) -> None:
        await self._open.wait()
        if self.delay:
            await asyncio.sleep(self.delay)
        if self.resetting and self.resetting.random() < 0.05:
            raise ConnectionResetError("by the drill")

    def _addressed(self, answer: bytes) -> bytes:
        """Kafka names its own address in its answers: clients are led here instead. The length stays the same."""
        return answer.replace(_address(self._target), _address(self.port)) if self._read is frame else answer


def _address(port: int) -> bytes:
    return HOST.encode() + struct.pack(">i", port)


async def _first_of(*ways: Awaitable[None]) -> None:
    """Until either way is over; the other ends with it."""
    tasks = [asyncio.ensure_future(way) for way in ways]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def put_of(prefix: str) -> Seen:
    """A PUT of an object whose key starts like this, in any bucket."""
    return lambda request: request.startswith(b"PUT /") and f"/{prefix}".encode() in request.split(b"\r\n", 1)[0]


def get_of(prefix: str) -> Seen:
    return lambda request: request.startswith(b"GET /") and f"/{prefix}".encode() in request.split(b"\r\n", 1)[0]


def produce_of(event: str) -> Seen:
    """A produce request to Kafka (API key 0) that holds an event of this type."""
    return lambda request: request[4:6] == b"\x00\x00" and event.encode() in request


def commit(request: bytes) -> bool:
    """A COMMIT on its way to Postgres."""
    return b"COMMIT" in request


def post_of(path: str) -> Seen:
    return lambda request: request.startswith(f"POST {path}".encode())


def saying(text: str) -> Seen:
    """Any request with this in it: of Postgres a statement that is not prepared yet."""
    return lambda request: text.encode() in request


def after(first: Seen, then: Seen) -> Seen:
    """What comes after something else, in the same request or in a later one."""
    seen = False

    def found(request: bytes) -> bool:
        nonlocal seen
        seen = seen or first(request)
        return seen and then(request)

    return found
