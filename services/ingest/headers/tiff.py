"""TIFF, and the EXIF data inside other formats, which is a small TIFF file. TIFF 6.0; BigTIFF; EXIF 2.3 §4.6."""

import re
import struct
from contextlib import suppress

from services.ingest.headers.window import Absent, Broken, Header, Window

WIDTH, HEIGHT, ORIENTATION = 256, 257, 274
MOST_TAGS = 512
MOST_PAGES = 10_000
_INTEGERS = {3: "H", 4: "I", 16: "Q"}


def tiff(window: Window) -> Header:
    order, big = _byte_order(window)
    first = window.unpack(f"{order}Q", 8)[0] if big else window.unpack(f"{order}I", 4)[0]
    tags = _tags(window, first, order, big)
    try:
        width, height = tags[WIDTH], tags[HEIGHT]
    except KeyError:
        raise Broken("its first page has no width and height") from None
    return Header(width, height, _pages(window, first, order, big), _valid(tags.get(ORIENTATION, 1)))


def orientation(exif: bytes, xmp: bytes = b"") -> int:
    """What EXIF data, else XMP, says of how the picture is turned, 1 to 8; 1 where it says nothing readable."""
    with suppress(Broken, Absent):
        window = Window([exif], len(exif))
        order, big = _byte_order(window)
        tags = _tags(window, window.unpack(f"{order}I", 4)[0], order, big)
        if ORIENTATION in tags:
            return _valid(tags[ORIENTATION])
    found = re.search(rb'tiff:Orientation(?:="|>)([1-8])', xmp)
    return int(found[1]) if found else 1


def _byte_order(window: Window) -> tuple[str, bool]:
    """The `struct` sign of the file's byte order, and whether it is a BigTIFF."""
    order = {b"II": "<", b"MM": ">"}.get(window.read(0, 2))
    if order is None:
        raise Broken("no byte order")
    return order, window.unpack(f"{order}H", 2) == (43,)


def _tags(window: Window, at: int, order: str, big: bool) -> dict[int, int]:
    """The whole-number tags of the directory at `at`; of several values the first."""
    count, entries, _ = _directory(window, at, order, big)
    layout, field = (f"{order}HHQ8s", 20) if big else (f"{order}HHI4s", 12)
    data = window.read(entries, min(count, MOST_TAGS) * field)
    tags: dict[int, int] = {}
    for tag, kind, _, value in struct.iter_unpack(layout, data[: len(data) // field * field]):
        if kind in _INTEGERS:
            layout_ = order + _INTEGERS[kind]
            tags.setdefault(tag, struct.unpack_from(layout_, value + bytes(4))[0])
    return tags


def _directory(window: Window, at: int, order: str, big: bool) -> tuple[int, int, int]:
    """How many entries a directory has, where they start, and where the address of the next directory lies."""
    (count,) = window.unpack(order + ("Q" if big else "H"), at)
    start = at + (8 if big else 2)
    return count, start, start + count * (20 if big else 12)


def _pages(window: Window, at: int, order: str, big: bool) -> int:
    """Directories in the chain, as far as they are at hand; a loop or a broken link ends it."""
    seen: set[int] = set()
    with suppress(Absent, Broken):
        while at and at not in seen and len(seen) < MOST_PAGES:
            *_, link = _directory(window, at, order, big)
            seen.add(at)
            (at,) = window.unpack(order + ("Q" if big else "I"), link)
    return max(len(seen), 1)


def _valid(value: int) -> int:
    return value if 1 <= value <= 8 else 1
