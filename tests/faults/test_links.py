"""A link passes everything on, until it is told otherwise."""

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.faults.links import Link, any_answer, chunk, frame, same_correlation


@asynccontextmanager
async def echo(framed: bool = False) -> AsyncIterator[tuple[int, list[bytes]]]:
    """A server that says back what it hears, in capitals; its port, and what it has heard."""
    heard: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while said := await (frame if framed else chunk)(reader):
            heard.append(said)
            writer.write(said.upper() if not framed else said[:4] + said[8:12] + said[8:])
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1], heard


async def ask(port: int, said: bytes, within: float = 1.0) -> bytes:
    """The answer; nothing where the connection ends without one. Raises TimeoutError."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        async with asyncio.timeout(within):
            writer.write(said)
            return await reader.read(1000)
    except ConnectionError:
        return b""
    finally:
        writer.close()


async def nothing() -> None: ...


async def test_what_is_said_is_answered() -> None:
    async with echo() as (port, _), Link(port) as link:
        assert await ask(link.port, b"hello") == b"HELLO"


async def test_what_is_swallowed_arrives_after_the_healing() -> None:
    async with echo() as (port, heard), Link(port) as link:
        link.swallow()
        asking = asyncio.create_task(ask(link.port, b"hello", within=5))
        await asyncio.sleep(0.1)
        assert heard == []
        link.heal()
        assert await asking == b"HELLO"


async def test_a_cut_ends_every_connection() -> None:
    async with echo() as (port, _), Link(port) as link:
        link.swallow()
        asking = asyncio.create_task(ask(link.port, b"hello", within=5))
        await asyncio.sleep(0.1)
        link.cut()
        assert await asking == b""


async def test_a_request_that_springs_a_trap_never_arrives() -> None:
    async with echo() as (port, heard), Link(port) as link:
        trap = asyncio.create_task(link.spring(lambda said: said == b"second", "request", 2, nothing))
        await asyncio.sleep(0)
        assert [await ask(link.port, said) for said in (b"second", b"first")] == [b"SECOND", b"FIRST"]
        assert await ask(link.port, b"second") == b""
        await trap
        assert heard == [b"second", b"first"]


async def test_an_answer_that_springs_a_trap_never_comes_back_though_the_request_arrived() -> None:
    async with echo() as (port, heard), Link(port) as link:
        trap = asyncio.create_task(link.spring(lambda said: said == b"put", "answer", 1, nothing))
        await asyncio.sleep(0)
        assert await ask(link.port, b"put") == b""
        await trap
        assert heard == [b"put"]


async def test_a_trap_may_let_pass_what_sprang_it() -> None:
    async with echo() as (port, _), Link(port) as link:
        trap = asyncio.create_task(link.spring(lambda said: True, "request", 1, nothing, passes=True))
        await asyncio.sleep(0)
        assert await ask(link.port, b"hello") == b"HELLO"
        await trap


async def test_a_trap_that_does_not_spring_in_time_is_said() -> None:
    async with echo() as (port, _), Link(port) as link:
        with pytest.raises(TimeoutError):
            await link.spring(lambda said: True, "request", 1, nothing, within=0.1)


async def test_kafkas_own_address_is_replaced_by_the_links_and_answers_are_known_by_their_number() -> None:
    async with echo(framed=True) as (port, _), Link(port, frame, same_correlation) as link:
        body = b"\x00\x03\x00\x01" + b"\x00\x00\x00\x07" + b"127.0.0.1" + struct.pack(">i", port)
        answer = await ask(link.port, struct.pack(">i", len(body)) + body)
        assert answer.endswith(b"127.0.0.1" + struct.pack(">i", link.port))
    assert same_correlation(b"\0" * 8 + b"\0\0\0\x07", b"\0\0\0\x09" + b"\0\0\0\x07")
    assert any_answer(b"", b"")
