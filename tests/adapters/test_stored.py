"""Objects that a real store's own disk has spoilt, and objects that a sweep has put aside."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from adapters.admin import create_bucket
from adapters.objects import ObjectMissing, Objects
from adapters.stored import Damaged, get, opened
from contracts import ids
from contracts.events import TryLater
from tests.spoilt import Disk, disk

SIZES = [10_000, 1_000_000, 3_500_000, 12_000_000]
BUCKET = "spoilt"


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[tuple[Objects, Disk]]:
    async with disk(tmp_path) as made:
        at = made.endpoint, made.access_key, made.secret_key, BUCKET, "us-east-1"
        await create_bucket(*at)
        async with Objects(*at) as objects:
            yield objects, made


async def test_what_the_disk_has_spoilt_is_damaged_and_all_else_is_read(store: tuple[Objects, Disk]) -> None:
    objects, made = store
    for size in SIZES:
        for place in (0.3, 0.9):
            key, data = f"{size} {place}", os.urandom(size)
            await objects.put(key, data)
            await objects.put("sound", data)
            made.spoil(BUCKET, key, place)
            with pytest.raises(Damaged):
                await get(objects, key)
            assert await get(objects, "sound") == data
            await objects.put(key, data)
            assert await get(objects, key) == data


async def test_what_was_put_aside_is_read_there_spoilt_or_not(store: tuple[Objects, Disk]) -> None:
    objects, made = store
    await objects.put(ids.quarantine_key("aside"), b"0123456789")
    assert await get(objects, "aside") == b"0123456789"
    async with opened(objects, "aside", 2, 4) as found:
        assert b"".join([chunk async for chunk in found.chunks]) == b"234"
    made.spoil(BUCKET, ids.quarantine_key("aside"), 0.98)
    with pytest.raises(Damaged):
        await get(objects, "aside")
    with pytest.raises(ObjectMissing) as missing:
        await get(objects, "nowhere")
    assert missing.value.key == "nowhere"


async def test_a_store_that_is_down_has_damaged_nothing() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        endpoint = f"http://127.0.0.1:{free.getsockname()[1]}"
    async with Objects(endpoint, "a", "b", "c", "us-east-1") as objects:
        with pytest.raises(TryLater):
            await get(objects, "k")


@pytest.mark.parametrize(("sent", "damaged"), [([10, 20, 30], False), ([10, 10, 10], True), ([10, 1000], False)])
async def test_only_what_ends_in_the_same_place_each_time_is_damaged(sent: list[int], damaged: bool) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\nETag: x\r\nLast-Modified: Sun, 01 Mar 2026 12:00:00 GMT\r\n\r\n"

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = await reader.readuntil(b"\r\n\r\n")
        writer.write(head if asked.startswith(b"HEAD") else head + b"x" * sent.pop(0))
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        endpoint = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with Objects(endpoint, "a", "b", "c", "us-east-1") as objects:
            with pytest.raises(Damaged if damaged else TryLater):
                await get(objects, "k")
