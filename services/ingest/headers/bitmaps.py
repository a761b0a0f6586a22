"""JPEG, PNG, GIF, WebP and BMP. Each reader goes from one length to the next, with a bound on its steps."""

from collections.abc import Iterator

from services.ingest.headers.tiff import orientation
from services.ingest.headers.window import Absent, Broken, Header, Window

MOST_STEPS = 4096
MOST_METADATA = 1024 * 1024
GIF_SCANNED = 256 * 1024

_XMP_IN_JPEG = b"http://ns.adobe.com/xap/1.0/\0"
_XMP_IN_PNG = b"XML:com.adobe.xmp\0"
_NOT_A_FRAME = {0xC4, 0xC8, 0xCC}


def jpeg(window: Window) -> Header:
    """ITU T.81 §B.1. The frame header (SOF) has the dimensions; EXIF and XMP are in APP1 before it."""
    exif = xmp = b""
    for marker, at, length in _segments(window):
        if 0xC0 <= marker <= 0xCF and marker not in _NOT_A_FRAME:
            height, width = window.unpack(">HH", at + 1)
            return Header(width, height, orientation=orientation(exif, xmp))
        if marker == 0xE1:
            data = window.read(at, length)
            if data.startswith(b"Exif\0"):
                exif = exif or data[6:]
            elif data.startswith(_XMP_IN_JPEG):
                xmp = data
    raise Broken("it has no frame header")


def _segments(window: Window) -> Iterator[tuple[int, int, int]]:
    """Marker, start and length of the content of each segment before the pixels."""
    at = 2
    for _ in range(MOST_STEPS):
        fill, marker, length = window.unpack(">BBH", at)
        if fill != 0xFF or marker in (0xD9, 0xDA):
            return
        if marker == 0xFF:
            at += 1
            continue
        yield marker, at + 4, max(length - 2, 0)
        at += 2 + max(length, 2)


def png(window: Window) -> Header:
    """W3C PNG §11.2. An animation says its frames in `acTL`; metadata after the pixels counts where it is at hand."""
    if window.read(12, 4) != b"IHDR":
        raise Broken("it does not start with IHDR")
    width, height = window.unpack(">II", 16)
    frames, exif, xmp = 1, b"", b""
    for kind, at, length in _png_chunks(window):
        if kind == b"acTL":
            (frames,) = window.unpack(">I", at)
        elif kind == b"eXIf":
            exif = window.read(at, min(length, MOST_METADATA))
        elif kind == b"iTXt" and window.read(at, len(_XMP_IN_PNG)) == _XMP_IN_PNG:
            xmp = window.read(at, min(length, MOST_METADATA))
    return Header(width, height, frames, orientation(exif, xmp))


def _png_chunks(window: Window) -> Iterator[tuple[bytes, int, int]]:
    at, pixels = 8, False
    for _ in range(MOST_STEPS):
        try:
            length, kind = window.unpack(">I4s", at)
            if kind == b"IEND":
                return
            yield kind, at + 8, length
        except (Absent, Broken):
            if pixels:
                return
            raise
        pixels = pixels or kind == b"IDAT"
        at += 12 + length


def gif(window: Window) -> Header:
    """GIF89a §18–20. The first frame may be larger than the screen; frames are counted in the first 256 KiB."""
    width, height, flags = window.unpack("<HHB", 6)
    data = window.head(GIF_SCANNED)
    frames = _gif_frames(data, 13 + _colours(flags))
    if frames:
        left, top, wide, high = (
            int.from_bytes(data[at : at + 2], "little") for at in range(frames[0], frames[0] + 8, 2)
        )
        width, height = max(width, left + wide), max(height, top + high)
    return Header(width, height, max(len(frames), 1))


def _gif_frames(data: bytes, at: int) -> list[int]:
    """Where each image descriptor's rectangle starts."""
    found = []
    while at + 10 < len(data):
        if data[at] == 0x2C:
            found.append(at + 1)
            at = _after_blocks(data, at + 11 + _colours(data[at + 9]))
        elif data[at] == 0x21:
            at = _after_blocks(data, at + 2)
        else:
            break
    return found


def _after_blocks(data: bytes, at: int) -> int:
    end = len(data)
    while at < end and (length := data[at]):
        at += length + 1
    return at + 1


def _colours(flags: int) -> int:
    """Bytes of the colour table that follows."""
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def webp(window: Window) -> Header:
    """RFC 9649 §2: one chunk of pixels, or `VP8X` and the chunks it announces."""
    kind = window.read(12, 4)
    if kind == b"VP8 ":
        sync, width, height = window.unpack("<3sHH", 23)
        if sync != b"\x9d\x01\x2a":
            raise Broken("its first frame is no key frame")
        return Header(width & 0x3FFF, height & 0x3FFF)
    if kind == b"VP8L":
        (bits,) = window.unpack("<I", 21)
        return Header((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1)
    if kind == b"VP8X":
        return _extended(window)
    raise Broken("it does not start with pixels")


def _extended(window: Window) -> Header:
    (flags,) = window.unpack("B", 20)
    width, height = (int.from_bytes(window.unpack("3s", at)[0], "little") + 1 for at in (24, 27))
    frames, exif, xmp = 0, b"", b""
    for kind, at, length in _riff_chunks(window, animated=bool(flags & 0x02)):
        if kind == b"ANMF":
            frames += 1
        elif kind == b"EXIF":
            exif = window.read(at, min(length, MOST_METADATA)).removeprefix(b"Exif\0\0")
        elif kind == b"XMP ":
            xmp = window.read(at, min(length, MOST_METADATA))
    return Header(width, height, max(frames, 1), orientation(exif, xmp))


def _riff_chunks(window: Window, animated: bool) -> Iterator[tuple[bytes, int, int]]:
    """Of an animation only what is at hand: its metadata lie behind every frame."""
    at = 12
    for _ in range(MOST_STEPS):
        if at >= window.size:
            return
        try:
            kind, length = window.unpack("<4sI", at)
            yield kind, at + 8, length
        except Absent:
            if animated:
                return
            raise
        except Broken:
            return
        at += 8 + length + length % 2


def bmp(window: Window) -> Header:
    """The core header has 16-bit dimensions, later ones signed 32-bit; a negative height is stored top-down."""
    (size,) = window.unpack("<I", 14)
    width, height = window.unpack("<HH" if size == 12 else "<ii", 18)
    return Header(width, abs(height))
