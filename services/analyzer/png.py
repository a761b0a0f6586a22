"""PNG chunks, where Pillow does not look at them: checksums of the pixels, EXIF written after them."""

import zlib
from collections.abc import Iterator

from services.analyzer.opening import Unreadable

EXIF = b"eXIf"


def check(data: bytes) -> None:
    """Raises Unreadable where a chunk that matters has a wrong checksum."""
    for name, start, end in _chunks(data):
        critical = name[0] & 0x20 == 0
        if critical and data[end : end + 4] != zlib.crc32(memoryview(data)[start - 4 : end]).to_bytes(4, "big"):
            raise Unreadable("undecodable-image", f"the checksum of a chunk {name.decode('latin-1')} is wrong")


def exif(data: bytes) -> bytes | None:
    """The EXIF, wherever it stands."""
    return next((data[start:end] for name, start, end in _chunks(data) if name == EXIF), None)


def _chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Name, start and end of the body of every chunk that is there in full."""
    start = 8 + 8
    while (end := start + int.from_bytes(data[start - 8 : start - 4], "big")) + 4 <= len(data):
        yield data[start - 4 : start], start, end
        start = end + 4 + 8
