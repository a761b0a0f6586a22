"""The header readers against Pillow and libheif: the same dimensions, the right way up, without reading pixels."""

import io
import random
import struct
import time
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import pillow_heif
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from contracts.problems import Problem
from services.ingest.headers import READERS, SNIFFED, Absent, Header, Window, sniff
from services.ingest.media import Limits, dimensions, media_type

pillow_heif.register_heif_opener()

LIMITS = Limits(bytes=10**9, pixels=50_000_000, frames=1_000, animation_pixels=2_000_000_000)
SIZE = (37, 22)

SAVED: dict[str, tuple[str, str, dict[str, Any]]] = {
    "jpeg": ("RGB", "JPEG", {}),
    "jpeg progressive": ("RGB", "JPEG", {"progressive": True}),
    "jpeg cmyk": ("CMYK", "JPEG", {}),
    "jpeg grey": ("L", "JPEG", {}),
    "jpeg with a profile of many segments": ("RGB", "JPEG", {"icc_profile": bytes(300_000)}),
    "png": ("RGB", "PNG", {}),
    "png palette": ("P", "PNG", {}),
    "png 16 bit": ("I;16", "PNG", {}),
    "png black and white": ("1", "PNG", {}),
    "gif": ("P", "GIF", {}),
    "webp": ("RGB", "WEBP", {}),
    "webp lossless": ("RGB", "WEBP", {"lossless": True}),
    "webp with alpha": ("RGBA", "WEBP", {}),
    "avif": ("RGB", "AVIF", {}),
    "avif with alpha": ("RGBA", "AVIF", {}),
    "heic": ("RGB", "HEIF", {}),
    "tiff": ("RGB", "TIFF", {}),
    "tiff lzw": ("RGB", "TIFF", {"compression": "tiff_lzw"}),
    "tiff cmyk": ("CMYK", "TIFF", {}),
    "tiff big": ("RGB", "TIFF", {"big_tiff": True}),
    "bmp": ("RGB", "BMP", {}),
    "bmp palette": ("P", "BMP", {}),
}
TURNABLE = {"jpeg", "png", "webp", "webp lossless", "avif", "tiff", "tiff big"}


def picture(mode: str = "RGB", size: tuple[int, int] = SIZE) -> Image.Image:
    return Image.effect_noise(size, 80).convert(mode)


def saved(mode: str, form: str, size: tuple[int, int] = SIZE, **options: Any) -> bytes:
    out = io.BytesIO()
    picture(mode, size).save(out, form, **options)
    return out.getvalue()


def frames(form: str, count: int, **options: Any) -> bytes:
    out = io.BytesIO()
    pictures = [picture() for _ in range(count)]
    pictures[0].save(out, form, save_all=True, append_images=pictures[1:], **options)
    return out.getvalue()


def read(data: bytes, block: int = 0) -> Header:
    kind = sniff(data[:SNIFFED])
    assert kind is not None
    blocks = [data[at : at + block] for at in range(0, len(data), block)] if block else [data]
    return READERS[kind](Window(blocks, len(data)))


def in_pillow(data: bytes) -> tuple[int, int]:
    with Image.open(io.BytesIO(data)) as opened:
        return ImageOps.exif_transpose(opened).size


@pytest.mark.parametrize("name", SAVED)
def test_dimensions_are_pillows_however_the_bytes_are_cut(name: str) -> None:
    mode, form, options = SAVED[name]
    data = saved(mode, form, **options)
    for block in (0, 7, 1000):
        assert read(data, block).upright() == in_pillow(data) == SIZE


@pytest.mark.parametrize("turn", range(1, 9))
@pytest.mark.parametrize("name", sorted(TURNABLE))
def test_dimensions_are_of_the_picture_as_it_is_seen(name: str, turn: int) -> None:
    mode, form, options = SAVED[name]
    exif = Image.Exif()
    exif[0x0112] = turn
    data = saved(mode, form, exif=exif, **options)
    assert read(data).upright() == in_pillow(data) == (SIZE if turn < 5 else SIZE[::-1])


@pytest.mark.parametrize("turn", range(4))
def test_a_heic_is_turned_by_its_own_box_and_not_by_exif(turn: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = [1, 8, 3, 6][turn]
    data = saved("RGB", "HEIF", exif=exif)
    assert read(data).upright() == in_pillow(data)


def test_a_picture_turned_by_xmp_alone_is_upright_as_pillow_sees_it() -> None:
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'
    for form in ("JPEG", "WEBP"):
        data = saved("RGB", form, xmp=xmp)
        assert read(data).upright() == in_pillow(data) == SIZE[::-1]


@pytest.mark.parametrize("form", ["GIF", "PNG", "WEBP", "TIFF", "AVIF"])
def test_frames_are_counted(form: str) -> None:
    assert read(frames(form, 5)).frames == 5


def test_a_gif_whose_first_frame_is_larger_than_its_screen_is_as_large_as_the_frame() -> None:
    data = bytearray(saved("P", "GIF"))
    data[6:10] = struct.pack("<HH", 1, 1)
    assert read(bytes(data)).upright() == in_pillow(bytes(data)) == SIZE


def test_a_bmp_that_is_stored_top_down_has_a_positive_height() -> None:
    data = bytearray(saved("RGB", "BMP"))
    data[22:26] = struct.pack("<i", -SIZE[1])
    assert read(bytes(data)).upright() == in_pillow(bytes(data)) == SIZE


@pytest.mark.parametrize("name", SAVED)
def test_a_header_that_is_not_all_at_hand_says_which_byte_is_missing(name: str) -> None:
    mode, form, options = SAVED[name]
    data = saved(mode, form, **options)
    window, needed = Window([data[:SNIFFED]], len(data)), 0
    while True:
        try:
            header = READERS[media_type(data)](window)
            break
        except Absent as absent:
            window.add(absent.at, data[absent.at : absent.at + 512])
            needed += 1
    assert header.upright() == SIZE
    assert needed < 12 or "profile" in name


FOREIGN = {
    "html": b"<!DOCTYPE html><html><body>hi</body></html>",
    "svg": b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>',
    "pdf": b"%PDF-1.7\n1 0 obj",
    "eps": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 1 1",
    "zip": b"PK\x03\x04" + bytes(30),
    "psd": b"8BPS\0\1" + bytes(30),
    "ico": b"\0\0\1\0\1\0" + bytes(30),
    "mp4": struct.pack(">I4s4sI4s4s", 24, b"ftyp", b"isom", 512, b"isom", b"mp42"),
    "wav": b"RIFF\x24\0\0\0WAVEfmt ",
    "text": b"hello",
    "one byte": b"\xff",
}


@pytest.mark.parametrize("name", FOREIGN)
def test_what_is_no_accepted_picture_is_refused_by_its_bytes(name: str) -> None:
    with pytest.raises(Problem) as refused:
        media_type(FOREIGN[name])
    assert refused.value.type.status == 415


def huge(form: str) -> bytes:
    """A small picture whose header says 65500 × 65500."""
    side = 65500
    data = bytearray(saved("P", form))
    if form == "PNG":
        data[16:24] = struct.pack(">II", side, side)
        data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
    elif form == "BMP":
        data[18:26] = struct.pack("<ii", side, side)
    elif form == "GIF":
        data[6:10] = struct.pack("<HH", side, side)
    return bytes(data)


@pytest.mark.parametrize("form", ["PNG", "BMP", "GIF"])
def test_a_header_of_too_many_pixels_is_refused(form: str) -> None:
    data = huge(form)
    with pytest.raises(Problem) as refused:
        dimensions(media_type(data), Window([data], len(data)), LIMITS)
    assert refused.value.type.slug == "too-many-pixels"


def test_frames_are_capped_one_by_one_and_with_their_pixels() -> None:
    data = frames("GIF", 12)
    for limits in (
        Limits(bytes=10**9, pixels=10**9, frames=11, animation_pixels=10**9),
        Limits(bytes=10**9, pixels=10**9, frames=12, animation_pixels=12 * SIZE[0] * SIZE[1] - 1),
    ):
        with pytest.raises(Problem) as refused:
            dimensions("image/gif", Window([data], len(data)), limits)
        assert refused.value.type.slug == "too-many-frames"


def test_pictures_without_extent_are_damaged() -> None:
    data = bytearray(saved("RGB", "PNG"))
    data[16:20] = bytes(4)
    with pytest.raises(Problem) as refused:
        dimensions("image/png", Window([bytes(data)], len(data)), LIMITS)
    assert refused.value.type.slug == "undecodable-image"


def jpeg_of_segments(size: int) -> bytes:
    return b"\xff\xd8" + b"\xff\xe0\0\2" * (size // 4)


def gif_of_blocks(size: int) -> bytes:
    return b"GIF89a\1\0\1\0\0\0\0" + b"\x21\xfe" + b"\1x" * (size // 2)


def png_of_chunks(size: int) -> bytes:
    return saved("RGB", "PNG")[:33] + b"\0\0\0\0tEXt\0\0\0\0" * (size // 12)


def webp_of_chunks(size: int) -> bytes:
    head = b"RIFF" + struct.pack("<I", size) + b"WEBPVP8X" + struct.pack("<I", 10) + b"\2" + bytes(9)
    return head + b"ANMF\0\0\0\0" * (size // 8)


def tiff_of_pages(size: int) -> bytes:
    pages = b"".join(struct.pack("<HI", 0, 8 + 6 * (page + 1)) for page in range(size // 6))
    return b"II*\0\x08\0\0\0" + pages


def avif_of_boxes(size: int) -> bytes:
    return struct.pack(">I4s4sI", 16, b"ftyp", b"avif", 0) + struct.pack(">I4s", 8, b"free") * (size // 8)


@pytest.mark.parametrize(
    "make", [jpeg_of_segments, gif_of_blocks, png_of_chunks, webp_of_chunks, tiff_of_pages, avif_of_boxes]
)
def test_a_file_made_of_tiny_pieces_is_judged_at_once(make: Callable[[int], bytes]) -> None:
    data = make(5_000_000)
    window = Window([data[at : at + 65_536] for at in range(0, len(data), 65_536)], len(data))
    start = time.process_time()
    try:
        dimensions(media_type(data), window, LIMITS)
    except Problem as refused:
        assert refused.type.status == 422  # noqa: PT017
    assert time.process_time() - start < 0.25


def samples() -> Iterator[bytes]:
    for mode, form, options in SAVED.values():
        yield saved(mode, form, **options)
    for form in ("GIF", "PNG", "WEBP", "TIFF", "AVIF"):
        yield frames(form, 3)


SAMPLES = list(samples())


@settings(max_examples=2_000, deadline=1_000)
@given(st.sampled_from(range(len(SAMPLES))), st.integers(0, 2**32), st.integers(0, 8))
def test_no_damage_does_more_than_refuse(index: int, seed: int, flips: int) -> None:
    data, chance = bytearray(SAMPLES[index]), random.Random(seed)
    for _ in range(flips):
        data[chance.randrange(min(len(data), 600))] = chance.choice((0, 1, 0x7F, 0x80, 0xFF, chance.randrange(256)))
    if chance.random() < 0.3:
        del data[chance.randrange(len(data)) :]
    try:
        width, height = dimensions(media_type(bytes(data[:SNIFFED])), Window([bytes(data)], len(data)), LIMITS)
    except Problem as refused:
        assert refused.type.status in (415, 422)  # noqa: PT017
    else:
        assert width > 0
        assert height > 0
