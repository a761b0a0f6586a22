"""Addresses whose servers do what they should not: each job fails with its reason, and no image comes of it.

What each byte of a bad answer does to the client is told in tests/adapters/test_outbound.py; here that the job says it.
"""

import asyncio
import gzip
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass

import pytest
import pytest_asyncio

from tests.adapters.peers import Peer, Script, moved, ok, peer
from tests.adapters.test_outbound import CHUNKED, silent, trickle
from tests.pictures import photograph, png_bomb
from tests.query.world import World, world
from tests.running import Stack

pytestmark = pytest.mark.asyncio(loop_scope="module")

PHOTO = photograph(64, 48, seed=900_001)
MOST = 200_000


async def endless(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(CHUNKED + b"%x\r\n%s\r\n" % (len(PHOTO), PHOTO))
    while True:
        writer.write(b"2710\r\n" + bytes(10_000) + b"\r\n")
        await writer.drain()


async def reset(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n" + PHOTO[:500])
    await writer.drain()
    writer.transport.abort()


def length(said: int) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % said


SERVERS: dict[str, tuple[Script | bytes, str]] = {
    "a page": (ok(b"<!doctype html><title>200</title>" * 50, b"Content-Type: image/jpeg"), "unsupported-media-type"),
    "nothing": (ok(), "empty-upload"),
    "an endless picture": (endless, "too-large"),
    "a picture that says it is too large": (length(10**15) + PHOTO, "too-large"),
    "a picture that trickles": (trickle(length(90_000), PHOTO[:500]), "fetch-failed"),
    "headers that trickle": (trickle(b"HTTP/1.1 200 OK\r\nX-Endless: "), "fetch-failed"),
    "silence": (silent, "fetch-failed"),
    "fewer bytes than it says": (length(len(PHOTO) + 10) + PHOTO, "fetch-failed"),
    "more bytes than it says": (length(len(PHOTO) - 10) + PHOTO, "fetch-failed"),
    "two lengths": (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello", "fetch-failed"),
    "a length that is none": (b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n" + PHOTO, "fetch-failed"),
    "a broken connection": (reset, "fetch-failed"),
    "no HTTP": (b"220 ready\r\n", "fetch-failed"),
    "a compressed bomb": (ok(gzip.compress(bytes(50_000_000)), b"Content-Encoding: gzip"), "fetch-failed"),
    "a picture that is a bomb": (ok(png_bomb()), "too-many-pixels"),
    "a redirect to itself": (moved("/"), "fetch-failed"),
    "a redirect to a file": (moved("file:///etc/passwd"), "url-not-allowed"),
    "a redirect into the house": (moved("http://169.254.169.254/latest/meta-data/"), "url-not-allowed"),
    "a redirect to nowhere": (b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n", "fetch-failed"),
    "part of a picture": (b"HTTP/1.1 206 Partial Content\r\nContent-Length: 500\r\n\r\n" + PHOTO[:500], "fetch-failed"),
    "that it is gone": (b"HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n", "fetch-failed"),
}


@dataclass
class Street:
    served: World
    houses: dict[str, Peer]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def street(stack: Stack) -> AsyncIterator[Street]:
    """A server of each kind, and a fetcher that may call all of them, but neither long nor much."""
    async with AsyncExitStack() as open_:
        houses = {what: await open_.enter_async_context(peer(script)) for what, (script, _) in SERVERS.items()}
        permitted = ",".join(f"{one.host}:{one.port}" for one in houses.values())
        served = await open_.enter_async_context(world(stack, allow_private_urls=permitted))
        limits = {"max_upload_bytes": MOST, "fetch_seconds": 1, "fetcher_window": len(houses)}
        running = served.house.run("services.ingest.fetcher", allow_private_urls=permitted, **limits)
        await open_.enter_async_context(running)
        yield Street(served, houses)


async def test_a_server_that_misbehaves_makes_no_image_and_the_job_says_why(
    street: Street, subtests: pytest.Subtests
) -> None:
    served, found = street.served, {}
    for what, one in street.houses.items():
        answer = await served.client.post("/v1/images:from-url", json={"image_url": one.url + "a.jpg"})
        assert answer.status_code == 202, answer.text
        found[what] = answer.json()["id"]

    for what, (_, slug) in SERVERS.items():
        with subtests.test(what):

            async def failed(job_id: str = found[what]) -> dict[str, str] | None:
                job = (await served.client.get(f"/v1/jobs/{job_id}")).json()
                assert job["status"] != "succeeded"
                error: dict[str, str] | None = job["error"]
                return error

            error = await served.until(failed, within=60)
            assert error is not None
            assert error["type"] == f"/problems/{slug}", error
            assert "127.0.0.1" not in error["detail"]
    assert (await served.client.get("/v1/images")).json()["items"] == []
    assert [one.key async for one in served.objects.list()] == []
