"""Downloads and callbacks, against peers on loopback that do what they like, on both event loops."""

import asyncio
import gzip
import socket
import time

import pytest

from adapters.outbound import BadAnswer, NotAllowed, Outbound, TooLarge, Unreachable
from tests.adapters.peers import Peer, Script, moved, ok, peer

pytestmark = pytest.mark.asyncio(loop_factories=["asyncio", "uvloop"])

MOST = 100_000
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


async def fetch(here: Peer, path: str = "", most: int = MOST, seconds: float = 5) -> tuple[int, bytes]:
    async with Outbound(here.itself).get(here.url + path, most, seconds) as answer:
        return answer.status, b"".join([chunk async for chunk in answer.chunks()])


async def post(here: Peer, seconds: float = 20) -> int:
    body = b'{"type": "job.succeeded"}'
    return (await Outbound(here.itself).post(here.url, body, {"webhook-id": "1"}, seconds)).status


@pytest.mark.parametrize(
    ("said", "status", "body"),
    [
        (ok(b"picture"), 200, b"picture"),
        (ok(b"picture", b"Content-Encoding: identity"), 200, b"picture"),
        (ok(b"x" * MOST), 200, b"x" * MOST),
        (CHUNKED + b"3\r\npic\r\n4;x=y\r\nture\r\n0\r\n\r\n", 200, b"picture"),
        (b"HTTP/1.0 200 OK\r\n\r\npicture", 200, b"picture"),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + ok(b"picture"), 200, b"picture"),
        (ok(), 200, b""),
        (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b""),
        (b"HTTP/1.1 304 Not Modified\r\n\r\n", 304, b""),
        (b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n", 302, b""),
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\ngone", 404, b"gone"),
        (b"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n", 500, b""),
    ],
)
async def test_an_answer_is_its_status_and_its_bytes(said: bytes, status: int, body: bytes) -> None:
    async with peer(said) as here:
        assert await fetch(here) == (status, body)


async def test_headers_are_found_in_any_case() -> None:
    async with peer(ok(b"", b"retry-AFTER: 7")) as here:
        outbound = Outbound(here.itself)
        async with outbound.get(here.url, MOST, 5) as answer:
            assert answer.headers["Retry-After"] == "7"
        assert (await outbound.post(here.url, b"", {}, 5)).headers["Retry-After"] == "7"


# Redirects


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("location", ["/b/c?d", "c?d", "../b/c?d", "//{}/b/c?d", "http://{}/b/c?d#e"])
async def test_a_redirect_is_followed_from_where_it_came(status: int, location: str) -> None:
    async def script(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there = location.format(f"127.0.0.1:{here.port}")
        writer.write(ok(b"found") if len(here.requests) == 2 else moved(there, status))

    async with peer(script) as here:
        assert await fetch(here, "b/a") == (200, b"found")
        assert here.requests[1].startswith(b"GET /b/c?d HTTP/1.1\r\n")


async def test_three_redirects_are_followed_and_no_fourth() -> None:
    redirects = 3

    async def script(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(ok(b"found") if len(here.requests) > redirects else moved("/"))

    async with peer(script) as here:
        assert await fetch(here) == (200, b"found")
        redirects = 4
        here.requests.clear()
        with pytest.raises(BadAnswer, match="redirects more than 3 times"):
            await fetch(here)
        assert len(here.requests) == 4


@pytest.mark.parametrize(
    "location",
    [
        "file:///etc/passwd",
        "ftp://example.com/",
        "data:image/png;base64,AAAA",
        "http://user:secret@example.com/",
        "http://example.com:8080/",
        "//127.1/",
        "http://169.254.169.254/latest/meta-data/",
        "http://[::1]/",
        "https:/\\example.com/",
        "http://[/",
        "/" + "a" * 3_000,
    ],
)
async def test_a_redirect_to_what_is_not_allowed_is_not_followed(location: str) -> None:
    async with peer(moved(location)) as here:
        with pytest.raises(NotAllowed, match="it redirects to where it may not"):
            await fetch(here)


# Bodies


@pytest.mark.parametrize(
    ("said", "failure"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort", Unreachable),
        (CHUNKED + b"9\r\nshort", Unreachable),
        (CHUNKED + b"5\r\nshort\r\n", Unreachable),
        (CHUNKED + b"zz\r\nshort\r\n0\r\n\r\n", BadAnswer),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ntoo long", BadAnswer),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\ntwice", BadAnswer),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", BadAnswer),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", BadAnswer),
        (b"HTTP/1.1 200 OK\r\nContent-Le", Unreachable),
        (b"", Unreachable),
        (b"\x89PNG\r\n\x1a\n", BadAnswer),
        (b"SSH-2.0-OpenSSH_9.6\r\n", BadAnswer),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 10_000 + b"\r\n\r\n", BadAnswer),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 101 + b"\r\n", BadAnswer),
    ],
)
async def test_what_is_no_whole_answer_is_a_failure(said: bytes, failure: type[Exception]) -> None:
    async with peer(said) as here:
        with pytest.raises(failure) as failed:
            await fetch(here)
    assert type(failed.value) is failure
    assert "127.0.0.1" not in str(failed.value)


async def test_bytes_after_the_end_are_noticed_however_they_are_cut() -> None:
    async def script(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for piece in (b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n", b"to", b"o long"):
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0.05)

    async with peer(script) as here:
        with pytest.raises(BadAnswer, match="more bytes than it said"):
            await fetch(here)


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd", "gzip, identity", "GZIP"])
async def test_a_compressed_body_is_refused_before_a_byte_of_it(encoding: str) -> None:
    bomb = gzip.compress(bytes(10_000_000))
    async with peer(ok(bomb, b"Content-Encoding: " + encoding.encode())) as here:
        with pytest.raises(BadAnswer, match="compresses"):
            await fetch(here)
        assert await post(here) == 200


async def test_a_transfer_that_is_compressed_is_refused() -> None:
    async with peer(CHUNKED.replace(b"chunked", b"gzip, chunked") + b"3\r\npic\r\n0\r\n\r\n") as here:
        with pytest.raises(BadAnswer, match="nobody asked for"):
            await fetch(here)


@pytest.mark.parametrize("said", [ok(b"x" * (MOST + 1)), b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * (MOST + 1)])
async def test_a_byte_too_many_is_too_large(said: bytes) -> None:
    async with peer(said) as here:
        with pytest.raises(TooLarge, match="100000 bytes"):
            await fetch(here)
        assert await fetch(here, most=MOST + 1) == (200, b"x" * (MOST + 1))


async def test_what_says_that_it_is_too_large_is_not_waited_for() -> None:
    async with peer(trickle(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (MOST + 1))) as here:
        with pytest.raises(TooLarge):
            await fetch(here, seconds=1)


async def endless(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(CHUNKED)
    while True:
        writer.write(b"2710\r\n" + bytes(10_000) + b"\r\n")
        await writer.drain()


async def test_an_endless_body_ends_at_the_cap() -> None:
    async with peer(endless) as here:
        with pytest.raises(TooLarge):
            await fetch(here)


async def test_a_body_that_nobody_takes_is_not_read_into_memory() -> None:
    sent = 0

    async def script(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while sent < 64_000_000:
            writer.write(bytes(1_000_000))
            await writer.drain()
            sent += 1_000_000

    async with (
        peer(script) as here,
        Outbound(here.itself).get(here.url, 100_000_000, 10) as answer,
    ):
        await asyncio.sleep(0.3)
        assert sent < 32_000_000
        assert sum([len(chunk) async for chunk in answer.chunks()]) == 64_000_000


# Time


def trickle(*first: bytes) -> Script:
    async def script(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.writelines(first)
        while True:
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.02)

    return script


async def silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    await reader.read()


async def provisional(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        await writer.drain()
        await asyncio.sleep(0.02)


@pytest.mark.parametrize(
    "script",
    [
        silent,
        provisional,
        trickle(b"HTTP/1.1 200 "),
        trickle(b"HTTP/1.1 200 OK\r\nX-Endless: "),
        trickle(b"HTTP/1.1 200 OK\r\n\r\n"),
        trickle(b"HTTP/1.1 200 OK\r\nContent-Length: 90000\r\n\r\n"),
        trickle(CHUNKED, b"9999\r\n"),
        trickle(CHUNKED, b"9;"),
    ],
    ids=["silent", "provisional", "status", "header", "body", "length", "chunk", "extension"],
)
async def test_a_slow_answer_is_cut_off_by_the_time_in_all(script: Script) -> None:
    async with peer(script) as here:
        begun = time.monotonic()
        with pytest.raises(Unreachable, match=r"longer than 0\.3 s"):
            await fetch(here, seconds=0.3)
        assert time.monotonic() - begun < 5
        await here.left()


async def test_the_time_is_that_of_all_redirects_together() -> None:
    async def script(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.2)
        writer.write(moved("/"))

    async with peer(script) as here:
        with pytest.raises(Unreachable, match=r"longer than 0\.5 s"):
            await fetch(here, seconds=0.5)


async def test_time_stands_still_while_the_peer_waits_for_us() -> None:
    async with (
        peer(ok(b"x" * MOST)) as here,
        Outbound(here.itself).get(here.url, MOST, 1.5) as answer,
    ):
        await asyncio.sleep(1.7)
        assert sum([len(chunk) async for chunk in answer.chunks()]) == MOST


async def test_nobody_listening_is_unreachable() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        nobody = Peer("127.0.0.1", free.getsockname()[1])
        for ask in (fetch, post):
            with pytest.raises(Unreachable, match="takes no connection"):
                await ask(nobody)


async def test_who_stops_half_way_leaves_no_connection() -> None:
    async with peer(endless) as here:
        async with Outbound(here.itself).get(here.url, 10 * MOST, 5) as answer:
            async for _ in answer.chunks():
                break
        await here.left()


# Callbacks


async def test_a_callback_carries_its_headers_and_its_body() -> None:
    bodies = []

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        bodies.append(await reader.readexactly(25))
        writer.write(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")

    async with peer(script) as here:
        assert await post(here) == 202
        (head,) = here.requests
    assert head.startswith(b"POST / HTTP/1.1\r\n")
    assert b"\r\nwebhook-id: 1\r\n" in head
    assert b"\r\nContent-Length: 25\r\n" in head
    assert bodies == [b'{"type": "job.succeeded"}']


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirected_callback_is_answered_and_not_followed(status: int) -> None:
    async with peer(moved("/", status)) as here:
        assert await post(here) == status
        assert here.connections == 1


@pytest.mark.parametrize(
    "script",
    [endless, trickle(CHUNKED, b"9999\r\n"), b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", ok(b"x" * 1_000_000)],
    ids=["endless", "trickling", "broken off", "long"],
)
async def test_a_callback_is_delivered_by_its_status_whatever_the_body_does(script: Script | bytes) -> None:
    async with peer(script) as here:
        begun = time.monotonic()
        assert await post(here) == 200
        assert time.monotonic() - begun < 10
        await here.left()


async def test_of_an_answer_to_a_callback_little_is_read() -> None:
    sent = 0

    async def script(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            writer.write(bytes(1_000_000))
            await writer.drain()
            sent += 1_000_000

    async with peer(script) as here:
        assert await post(here) == 200
        await here.left()
    assert sent < 20_000_000


async def resetting(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()


@pytest.mark.parametrize("script", [silent, provisional, resetting, b"HTTP/1.1 2"])
async def test_a_callback_that_hangs_or_is_reset_may_be_tried_again(script: Script | bytes) -> None:
    async with peer(script) as here:
        with pytest.raises(Unreachable):
            await post(here, seconds=0.3)
        await here.left()
