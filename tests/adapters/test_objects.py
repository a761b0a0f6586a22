"""The S3 contract, on the stack's MinIO and on any second server that FRAMELOG_TEST_S3 names (a JSON file)."""

import asyncio
import hashlib
import json
import os
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from adapters.admin import create_bucket
from adapters.objects import PART, ObjectMissing, Objects, StoreRefused
from contracts.events import TryLater
from tests.conftest import Stack

SECOND = os.environ.get("FRAMELOG_TEST_S3")


@pytest.fixture(params=["stack", "second"])
def server(request: pytest.FixtureRequest) -> tuple[str, str, str]:
    """Endpoint, access key, secret key."""
    if request.param == "stack":
        stack: Stack = request.getfixturevalue("stack")
        return stack.s3, stack.s3_access_key, stack.s3_secret_key
    if not SECOND:
        pytest.skip("FRAMELOG_TEST_S3 names no second S3 server")
    given: dict[str, Any] = json.loads(Path(SECOND).read_text())
    return given["s3"], given["s3_access_key"], given["s3_secret_key"]


@pytest.fixture
async def objects(server: tuple[str, str, str], unique: str) -> AsyncIterator[Objects]:
    await create_bucket(*server, unique, "us-east-1")
    async with Objects(*server, unique, "us-east-1") as objects:
        yield objects
        async for one in objects.list():
            await objects.delete(one.key)
        async with objects._s3.call("DELETE"):
            pass


async def keys(objects: Objects, prefix: str = "") -> list[str]:
    return [one.key async for one in objects.list(prefix)]


async def test_what_is_put_comes_back_byte_for_byte(objects: Objects) -> None:
    data = os.urandom(300_000)
    await objects.put("a/b", data, "image/png")
    assert await objects.get("a/b") == data
    stat = await objects.stat("a/b")
    assert (stat.size, stat.media_type) == (300_000, "image/png")


async def test_a_body_in_several_buffers_arrives_as_one(objects: Objects) -> None:
    data = os.urandom(3_000_000)
    buffers = [data[:1], memoryview(data)[1:2_000_000], bytearray(data[2_000_000:])]
    await objects.put("k", buffers, sha256=hashlib.sha256(data).hexdigest())
    assert await objects.get("k") == data


async def test_the_store_refuses_bytes_that_changed_on_a_way_nothing_else_guards(objects: Objects) -> None:
    objects._s3.guarded = False
    await objects.put("fine", [b"the", b"se"])
    parts = await objects.begin("parts")
    await parts.add([b"the", b"se"])
    await parts.complete()
    assert await objects.get("fine") == await objects.get("parts") == b"these"
    with pytest.raises(StoreRefused):
        await objects.put("k", b"these", sha256=hashlib.sha256(b"others").hexdigest())
    with pytest.raises(ObjectMissing):
        await objects.stat("k")


async def test_an_empty_object_is_an_object(objects: Objects) -> None:
    await objects.put("k", b"")
    assert await objects.get("k") == b""


async def test_keys_may_hold_any_character(objects: Objects) -> None:
    key = "x/ü ñ+&=?#%~_-.!*'()/é"
    await objects.put(key, b"1")
    await objects.copy(key, key + "2")
    assert await objects.get(key) == b"1"
    assert await keys(objects, "x/ü ñ+&") == [key, key + "2"]


@pytest.mark.parametrize(("first", "last"), [(0, 0), (5, 9), (999, None), (0, None), (990, 5000)])
async def test_a_range_holds_both_its_ends(objects: Objects, first: int, last: int | None) -> None:
    data = os.urandom(1000)
    await objects.put("k", data)
    expected = data[first:] if last is None else data[first : last + 1]
    assert await objects.get("k", first, last) == expected
    async with objects.open("k", first, last) as opened:
        assert opened.size == len(expected)
        assert b"".join([chunk async for chunk in opened.chunks]) == expected


async def test_a_large_object_is_read_in_chunks(objects: Objects) -> None:
    data = os.urandom(3_000_000)
    await objects.put("k", data)
    async with objects.open("k") as opened:
        chunks = [chunk async for chunk in opened.chunks]
    assert b"".join(chunks) == data
    assert max(map(len, chunks)) <= 256 * 1024


async def test_a_reader_that_stops_half_way_harms_nobody(objects: Objects) -> None:
    await objects.put("k", os.urandom(3_000_000))
    for _ in range(5):
        async with objects.open("k") as opened:
            async for _ in opened.chunks:
                break
    assert len(await objects.get("k", 0, 9)) == 10


async def test_parts_become_one_object_only_when_completed(objects: Objects) -> None:
    first, last = os.urandom(PART), os.urandom(123)
    parts = await objects.begin("k", "image/tiff")
    await parts.add([first[:1000], first[1000:]])
    await parts.add(last)
    assert await keys(objects) == []
    await parts.complete()
    assert await objects.get("k") == first + last
    assert (await objects.stat("k")).media_type == "image/tiff"


async def test_an_aborted_upload_leaves_nothing(objects: Objects) -> None:
    parts = await objects.begin("k")
    await parts.add(os.urandom(PART))
    await parts.abort()
    await parts.abort()
    assert await keys(objects) == []
    async with objects._s3.call("GET", query={"uploads": ""}) as answer:
        assert b"<UploadId>" not in await answer.read()


async def test_a_copy_is_made_in_the_store_under_its_own_media_type(objects: Objects) -> None:
    data = os.urandom(PART + 7)
    await objects.put("from", data, "application/octet-stream")
    await objects.copy("from", "to", "image/avif")
    await objects.delete("from")
    assert await objects.get("to") == data
    assert (await objects.stat("to")).media_type == "image/avif"


async def test_a_listing_goes_over_every_page_in_order(objects: Objects) -> None:
    wanted = [f"p/{number:04}" for number in range(1005)]
    for start in range(0, 1005, 67):
        await asyncio.gather(*(objects.put(key, b"x") for key in wanted[start : start + 67]))
    assert await keys(objects, "p/") == wanted
    assert await keys(objects, "q/") == []


async def test_what_is_not_there_is_missing(objects: Objects) -> None:
    with pytest.raises(ObjectMissing):
        await objects.get("no")
    with pytest.raises(ObjectMissing):
        await objects.get("no", 1, 2)
    with pytest.raises(ObjectMissing):
        await objects.stat("no")
    with pytest.raises(ObjectMissing):
        await objects.copy("no", "k")
    await objects.delete("no")


async def test_a_presigned_address_works_for_its_method_alone(objects: Objects) -> None:
    async with httpx.AsyncClient() as client:
        assert (await client.put(objects.presign("PUT", "k", 60), content=b"direct")).status_code == 200
        assert (await client.get(objects.presign("GET", "k", 60))).content == b"direct"
        assert (await client.get(objects.presign("PUT", "k", 60))).status_code == 403


async def test_many_at_once_share_the_pool(objects: Objects) -> None:
    await asyncio.gather(*(objects.put(f"k{number}", bytes([number])) for number in range(200)))
    assert await asyncio.gather(*(objects.get(f"k{number}") for number in range(200))) == [
        bytes([number]) for number in range(200)
    ]


async def test_wrong_keys_and_a_missing_bucket_are_refused_for_good(server: tuple[str, str, str], unique: str) -> None:
    endpoint, access, secret = server
    async with Objects(endpoint, access, secret + "x", unique, "us-east-1") as objects:
        with pytest.raises(StoreRefused):
            await objects.get("k")
    async with Objects(endpoint, access, secret, unique, "us-east-1") as objects:
        with pytest.raises(StoreRefused):
            await objects.put("k", b"")
        with pytest.raises(StoreRefused):
            await objects.ready()


async def test_a_store_that_is_down_asks_for_patience(unique: str) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        endpoint = f"http://127.0.0.1:{free.getsockname()[1]}"
    async with Objects(endpoint, "a", "b", unique, "us-east-1") as objects:
        for call in (objects.put("k", b"1"), objects.get("k"), objects.ready(), objects.begin("k")):
            with pytest.raises(TryLater):
                await call


async def test_a_store_that_fails_or_breaks_off_asks_for_patience(unique: str) -> None:
    failed = b"<Error><Code>InternalError</Code></Error>"
    answers = [
        b"HTTP/1.1 503 Slow\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nonly this",
        b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(failed), failed),
    ]

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answers.pop(0))
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        endpoint = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with Objects(endpoint, "a", "b", unique, "us-east-1") as objects:
            for call in (objects.put("k", b"1"), objects.get("k"), objects.copy("k", "l")):
                with pytest.raises(TryLater):
                    await call
    assert answers == []
