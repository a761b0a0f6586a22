"""Bytes on their way into a real object store."""

import hashlib
import io
import struct
from collections.abc import AsyncIterator

import pytest
from PIL import Image

from adapters.objects import PART, Objects
from contracts import ids
from contracts.problems import Problem
from services.ingest.incoming import Incoming
from services.ingest.media import Limits
from tests import pictures
from tests.running import Stack

LIMITS = Limits(bytes=40 * 1024 * 1024, pixels=50_000_000, frames=1_000, animation_pixels=2_000_000_000)
TEMPORARY = "uploads/one"


@pytest.fixture
async def objects(stack: Stack, bucket: str) -> AsyncIterator[Objects]:
    async with Objects(stack.s3, stack.s3_access_key, stack.s3_secret_key, bucket, "us-east-1") as objects:
        yield objects


async def keys(objects: Objects) -> list[str]:
    return [one.key async for one in objects.list()]


async def unfinished(objects: Objects) -> bool:
    async with objects._s3.call("GET", query={"uploads": ""}) as answer:
        return b"<UploadId>" in await answer.read()


async def arrive(incoming: Incoming, data: bytes, step: int = 200_000) -> None:
    for at in range(0, len(data), step):
        await incoming.write(data[at : at + step])


def padded(picture: bytes, size: int) -> bytes:
    """A picture that is followed by junk, as far as its header goes the same."""
    return picture + bytes(size - len(picture))


def tiff_with_its_directory_at_the_end(size: int) -> bytes:
    tags = ((256, 4, 1, 300), (257, 4, 1, 200), (274, 3, 1, 6))
    directory = struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", *tag) for tag in tags) + bytes(4)
    return b"II*\0" + struct.pack("<I", size - len(directory)) + bytes(size - 8 - len(directory)) + directory


def webp_with_exif_at_the_end(size: int) -> bytes:
    out = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (300, 200)).save(out, "WEBP", exif=exif)
    data = out.getvalue()
    at = data.index(b"EXIF")
    return data[:at] + b"JUNK" + struct.pack("<I", size) + bytes(size) + data[at:]


@pytest.mark.parametrize("size", [30_000, PART, PART + 1, 2 * PART, 2 * PART + 1, 12_345_678])
@pytest.mark.parametrize("step", [65_536, 1_000_003])
async def test_bytes_lie_under_their_hash_once_kept_and_nowhere_before(objects: Objects, size: int, step: int) -> None:
    data = padded(pictures.photograph(), size)
    incoming = Incoming(objects, TEMPORARY, LIMITS)
    await arrive(incoming, data, step)
    content = await incoming.finish()
    assert [key for key in await keys(objects) if key != TEMPORARY] == []
    await incoming.keep(content)
    await incoming.drop()
    assert await keys(objects) == [content.storage_key]
    assert await objects.get(content.storage_key) == data
    assert (await objects.stat(content.storage_key)).media_type == "image/jpeg"
    assert content.sha256 == hashlib.sha256(data).hexdigest()
    assert content.storage_key == ids.original_key(content.sha256)
    assert (content.size, content.width, content.height, content.media_type) == (size, 640, 480, "image/jpeg")


async def test_up_to_five_mebibytes_make_one_request(objects: Objects, monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(*_: object) -> None:
        raise AssertionError("a small upload was sent in parts")

    monkeypatch.setattr(objects, "begin", never)
    incoming = Incoming(objects, TEMPORARY, LIMITS)
    await arrive(incoming, padded(pictures.photograph(), PART))
    await incoming.keep(await incoming.finish())


@pytest.mark.parametrize("size", [30_000, 12_000_000])
@pytest.mark.parametrize("finished", [True, False])
async def test_what_is_dropped_leaves_nothing(objects: Objects, size: int, finished: bool) -> None:
    incoming = Incoming(objects, TEMPORARY, LIMITS)
    await arrive(incoming, padded(pictures.photograph(), size))
    if finished:
        await incoming.finish()
    await incoming.drop()
    assert await keys(objects) == []
    assert not await unfinished(objects)


async def test_bytes_that_are_there_are_put_again(objects: Objects) -> None:
    data = pictures.photograph()
    key = ids.original_key(hashlib.sha256(data).hexdigest())
    await objects.put(key, b"damaged", "image/jpeg")
    incoming = Incoming(objects, TEMPORARY, LIMITS)
    await arrive(incoming, data)
    await incoming.keep(await incoming.finish())
    assert await objects.get(key) == data


@pytest.mark.parametrize(
    "data",
    [tiff_with_its_directory_at_the_end(12_000_000), webp_with_exif_at_the_end(12_000_000)],
    ids=["tiff", "webp"],
)
async def test_a_header_that_ends_behind_the_pixels_is_read_back(objects: Objects, data: bytes) -> None:
    incoming = Incoming(objects, TEMPORARY, LIMITS)
    await arrive(incoming, data)
    content = await incoming.finish()
    assert (content.width, content.height) == (200, 300)
    await incoming.drop()
    assert await keys(objects) == []


@pytest.mark.parametrize(
    ("data", "slug"),
    [
        (b"%PDF-1.7" + bytes(12_000_000), "unsupported-media-type"),
        (padded(pictures.huge_header_jpeg(), 12_000_000), "too-many-pixels"),
        (padded(pictures.gif_of(20_000), 12_000_000), "too-many-frames"),
    ],
    ids=["pdf", "huge header", "many frames"],
)
async def test_what_is_no_picture_is_refused_before_any_of_it_is_sent(objects: Objects, data: bytes, slug: str) -> None:
    incoming = Incoming(objects, TEMPORARY, LIMITS)
    with pytest.raises(Problem) as refused:
        await arrive(incoming, data)
    assert refused.value.type.slug == slug
    assert not await unfinished(objects)


async def test_a_header_scattered_over_too_many_places_is_given_up(objects: Objects) -> None:
    boxes = (
        struct.pack(">I4s4sI", 16, b"ftyp", b"avif", 0) + (struct.pack(">I4s", 300_000, b"free") + bytes(299_992)) * 100
    )
    incoming = Incoming(objects, TEMPORARY, LIMITS)
    await arrive(incoming, boxes)
    with pytest.raises(Problem) as refused:
        await incoming.finish()
    assert refused.value.type.slug == "undecodable-image"
    await incoming.drop()
    assert await keys(objects) == []


async def test_one_byte_too_many_is_refused(objects: Objects) -> None:
    limits = Limits(bytes=30_000, pixels=10**8, frames=1, animation_pixels=10**9)
    exact, over = (Incoming(objects, TEMPORARY, limits) for _ in range(2))
    await arrive(exact, padded(pictures.photograph(), 30_000))
    assert (await exact.finish()).size == 30_000
    with pytest.raises(Problem) as refused:
        await arrive(over, padded(pictures.photograph(), 30_001))
    assert refused.value.type.slug == "too-large"
