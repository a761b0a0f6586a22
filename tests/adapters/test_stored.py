"""Objects that a real store's own disk has spoilt, and objects that a sweep has put aside."""

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
