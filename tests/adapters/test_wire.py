"""The HTTP client of the byte path, against servers that say exactly what a test scripts, on both event loops."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import pytest

from adapters import wire
from adapters.wire import Broken, Server

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
HOST = {"Host": "store"}

Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter, int], Awaitable[None]]


pytestmark = pytest.mark.asyncio(loop_factories=["asyncio", "uvloop"])


@asynccontextmanager
async def serving(script: Script, connections: int = 4) -> AsyncIterator[Server]:
    """A client of a server that runs `script` for each connection, counted from 1."""
    count = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal count
        count += 1
        try:
            await script(reader, writer, count)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    server = Server(urlsplit(f"http://127.0.0.1:{port}"), connections)
    try:
        yield server
    finally:
        server.close()
        listening.close()


async def get(server: Server, method: str = "GET") -> bytes:
    async with server.exchange(method, "/", HOST) as answer:
        return await answer.read()


async def test_one_connection_serves_one_exchange_after_the_other() -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        while await reader.readuntil(b"\r\n\r\n"):
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n%d" % number)

    async with serving(script) as server:
        assert [await get(server) for _ in range(3)] == [b"1"] * 3


async def test_a_body_arrives_as_its_buffers_in_order() -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _: int) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        assert b"content-length: 6\r\n" in head.lower()
        body = await reader.readexactly(6)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n" + body)

    async with (
        serving(script) as server,
        server.exchange("PUT", "/", HOST, [b"ab", memoryview(b"cd"), bytearray(b"ef")]) as answer,
    ):
        assert (answer.status, await answer.read()) == (200, b"abcdef")


async def test_a_connection_that_was_closed_while_idle_is_replaced_unseen() -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(OK)
        if number == 1:
            await reader.readuntil(b"\r\n\r\n")  # the second request comes, and nobody answers it

    async with serving(script) as server:
        assert await get(server, "PUT") == b"ok"
        assert await get(server, "PUT") == b"ok"


async def test_a_new_connection_that_breaks_is_not_tried_again() -> None:
    tried = []

    async def script(reader: asyncio.StreamReader, _: asyncio.StreamWriter, number: int) -> None:
        tried.append(number)
        await reader.readuntil(b"\r\n\r\n")

    async with serving(script) as server:
        with pytest.raises(Broken):
            await get(server)
    assert tried == [1]


@pytest.mark.parametrize(
    "said",
    [b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort", b"HTTP/1.1 200 OK\r\nConte", b"mumble\r\n\r\n"],
    ids=["short body", "short head", "no HTTP"],
)
async def test_what_breaks_off_or_is_no_http_is_broken(said: bytes) -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _: int) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(said)
        await writer.drain()

    async with serving(script) as server:
        with pytest.raises(Broken):
            await get(server)


async def test_silence_is_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    async def script(reader: asyncio.StreamReader, _: asyncio.StreamWriter, __: int) -> None:
        await reader.read()

    monkeypatch.setattr(wire, "SILENCE_SECONDS", 0.05)
    async with serving(script) as server:
        with pytest.raises(Broken, match="silence"):
            await get(server)


async def test_nobody_listening_is_broken() -> None:
    server = Server(urlsplit("http://127.0.0.1:1"), 1)
    with pytest.raises(Broken):
        await get(server)


async def test_the_head_of_an_object_has_no_body_to_wait_for() -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _: int) -> None:
        while await reader.readuntil(b"\r\n\r\n"):
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")

    async with serving(script, connections=1) as server:
        for _ in range(2):
            async with server.exchange("HEAD", "/", HOST) as answer:
                assert answer.headers["content-length"] == "1000"
                assert await answer.read() == b""


async def test_a_provisional_answer_is_waited_out() -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _: int) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n" + OK)
        await reader.read()

    async with serving(script) as server:
        assert await get(server) == b"ok"


async def test_an_answer_that_nobody_takes_is_not_read_into_memory() -> None:
    size = 64 * 1024 * 1024
    sent = 0

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _: int) -> None:
        nonlocal sent
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        while sent < size:
            writer.write(bytes(1024 * 1024))
            await writer.drain()
            sent += 1024 * 1024

    async with serving(script) as server, server.exchange("GET", "/", HOST) as answer:
        await asyncio.sleep(0.3)
        assert sent < size / 2
        assert sum([len(piece) async for piece in answer.chunks()]) == size


async def test_what_was_sent_before_the_server_closed_is_read_to_its_end() -> None:
    size = 4 * 1024 * 1024

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _: int) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % size + bytes(size))
        await writer.drain()

    async with serving(script) as server, server.exchange("GET", "/", HOST) as answer:
        await asyncio.sleep(0.1)
        assert sum([len(piece) async for piece in answer.chunks()]) == size


async def test_a_reader_that_stops_half_way_leaves_no_bytes_to_the_next() -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        while await reader.readuntil(b"\r\n\r\n"):
            writer.write(OK if number > 1 else b"HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n" + bytes(300_000))

    async with serving(script, connections=1) as server:
        async with server.exchange("GET", "/", HOST) as answer:
            async for _ in answer.chunks():
                break
        assert await get(server) == b"ok"


async def test_a_refusal_before_the_body_was_sent_is_heard() -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _: int) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        await asyncio.sleep(0.2)

    async with serving(script) as server, server.exchange("PUT", "/", HOST, [bytes(32 * 1024 * 1024)]) as answer:
        assert answer.status == 413
        assert not answer.reusable


async def test_no_more_connections_are_open_than_allowed() -> None:
    open_, most = 0, 0

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _: int) -> None:
        nonlocal open_, most
        open_ += 1
        most = max(most, open_)
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                await asyncio.sleep(0.01)
                writer.write(OK)
        finally:
            open_ -= 1

    async with serving(script, connections=2) as server:
        assert await asyncio.gather(*(get(server) for _ in range(10))) == [b"ok"] * 10
    assert most == 2
