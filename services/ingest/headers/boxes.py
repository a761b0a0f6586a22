"""AVIF and HEIC: boxes of the ISO base media format (ISO/IEC 14496-12) around one primary item (ISO/IEC 23008-12)."""

import struct
from collections.abc import Iterator
from contextlib import suppress

from services.ingest.headers.window import Absent, Broken, Header, Window

MOST_BOXES = 256
MOST_DESCRIPTION = 256 * 1024


def brands(head: bytes) -> set[bytes]:
    """The file's brands, the major one included."""
    end = min(int.from_bytes(head[:4], "big"), len(head))
    return {head[8:12]} | {head[at : at + 4] for at in range(16, end - 3, 4)}


def heic(window: Window) -> Header:
    """Decoders of HEIC apply crop and turn themselves, and ignore EXIF."""
    of_item = _properties(window)
    return Header(*_extent(of_item), orientation=_orientation(of_item), shown=_crop(of_item.get(b"clap")))


def avif(window: Window) -> Header:
    """Decoders of AVIF apply the turn and leave the crop to whoever shows it."""
    of_item = _properties(window)
    frames = _samples(window) if window.read(8, 4) == b"avis" else 1
    return Header(*_extent(of_item), frames, _orientation(of_item))


def _properties(window: Window) -> dict[bytes, bytes]:
    """What is said of the primary item, by kind of box."""
    try:
        meta = dict(_boxes(_description(window, b"meta"), 4))
        (item,) = struct.unpack_from(">I" if meta[b"pitm"][0] else ">H", meta[b"pitm"], 4)
        shared = dict(_boxes(meta[b"iprp"]))
        properties = [(b"none", b""), *_boxes(shared[b"ipco"])]
        return dict(properties[index] for index in _associations(shared[b"ipma"], item))
    except (KeyError, IndexError, struct.error):
        raise Broken("its description of the primary image is incomplete") from None


def _extent(of_item: dict[bytes, bytes]) -> tuple[int, int]:
    ispe = of_item.get(b"ispe", b"")
    if len(ispe) < 12:
        raise Broken("its primary image has no width and height")
    width, height = struct.unpack_from(">II", ispe, 4)
    return width, height


def _crop(clap: bytes | None) -> tuple[int, int] | None:
    """Width and height are fractions: two numerators, each with its denominator."""
    if clap is None or len(clap) < 16:
        return None
    wide, wide_by, high, high_by = struct.unpack_from(">IIII", clap)
    return (round(wide / wide_by), round(high / high_by)) if wide_by and high_by else None


def _orientation(of_item: dict[bytes, bytes]) -> int:
    """A quarter turn to either side, in EXIF's words; what only mirrors does not matter to width and height."""
    return 6 if of_item.get(b"irot", b"\0")[:1] in (b"\1", b"\3") else 1


def _associations(ipma: bytes, item: int) -> list[int]:
    """Which of the shared properties, counted from 1, belong to the item."""
    wide_id, wide_index = (">I", 4) if ipma[0] else (">H", 2), 2 if ipma[3] & 1 else 1
    at = 8
    while at < len(ipma):
        (found,) = struct.unpack_from(wide_id[0], ipma, at)
        at += wide_id[1]
        indices = ipma[at + 1 : at + 1 + ipma[at] * wide_index]
        at += 1 + len(indices)
        if found == item:
            essential = 0x80 << 8 * (wide_index - 1)
            return [
                int.from_bytes(indices[i : i + wide_index], "big") & ~essential
                for i in range(0, len(indices), wide_index)
            ]
    return []


def _samples(window: Window) -> int:
    """Frames of a sequence: the sample count of the first track's `stsz`; 1 where it is not at hand."""
    with suppress(Absent, Broken, KeyError, struct.error):
        content = _description(window, b"moov")
        for kind in (b"trak", b"mdia", b"minf", b"stbl", b"stsz"):
            content = dict(_boxes(content))[kind]
        return int(struct.unpack_from(">I", content, 8)[0])
    return 1


def _description(window: Window, wanted: bytes) -> bytes:
    """The content of the first box of a kind at the top of the file."""
    at = 0
    for _ in range(MOST_BOXES):
        size, kind = window.unpack(">I4s", at)
        start = at + (16 if size == 1 else 8)
        end = at + (window.unpack(">Q", at + 8)[0] if size == 1 else size) if size else window.size
        if kind == wanted and start <= end <= start + MOST_DESCRIPTION:
            return window.read(start, int(end) - start)
        if end < start or end >= window.size:
            break
        at = int(end)
    raise Broken(f"it has no readable {wanted.decode()} box")


def _boxes(data: bytes, at: int = 0) -> Iterator[tuple[bytes, bytes]]:
    """Kind and content of each box in `data`, in order."""
    while at + 8 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        end = at + size if size else len(data)
        if size and size < 8:
            raise Broken("a box is smaller than its own header")
        yield kind, data[at + 8 : end]
        at = end
