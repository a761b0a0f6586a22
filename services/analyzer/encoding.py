"""Pictures as files: the formats that can be asked for, and what a result says of the files."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BytesIO
from types import MappingProxyType

from PIL import Image

from contracts.events import Json
from services.analyzer.algorithm import Rendition, Unable, object_schema
from services.analyzer.pixels import on_white


@dataclass(frozen=True, slots=True)
class Encoding:
    """One format: its longest side in pixels, the quality unless one is asked (None: lossless), Pillow's options."""

    media_type: str
    longest: int
    quality: int | None = None
    options: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))


# CPU time of 12 MP of a photograph, one thread: JPEG 0.03 s, WebP 0.2 s (method 4, the default: 0.7 s), PNG 1.5 s,
# AVIF 0.5 s (speed 6, the default: 2.5 s; 8: 0.9 s for the same bytes).
ENCODINGS: Mapping[str, Encoding] = {
    "jpeg": Encoding("image/jpeg", 65_535, quality=82),
    "png": Encoding("image/png", 2**31 - 1),
    "webp": Encoding("image/webp", 16_383, quality=80, options={"method": 1}),
    "avif": Encoding("image/avif", 65_535, quality=60, options={"speed": 9}),
}

FORMAT: dict[str, Json] = {"enum": list(ENCODINGS)}
QUALITY: dict[str, Json] = {
    "type": "integer",
    "minimum": 1,
    "maximum": 100,
    "description": ", ".join(f"{one.quality} for {name}" for name, one in ENCODINGS.items() if one.quality)
    + " unless given; PNG is lossless and has none",
}


def encoded(image: Image.Image, format: str, quality: int | None = None, **options: int) -> bytes:
    """The file, without metadata; in JPEG what is transparent is white.

    Raises Unable where the format has no room for so long a side, MemoryError: AVIF takes 26 bytes for each pixel.
    """
    encoding = ENCODINGS[format]
    if max(image.size) > encoding.longest:
        raise Unable("algorithm-failed", f"{format} has no room for {image.width} × {image.height} px")
    graded = {} if encoding.quality is None else {"quality": quality or encoding.quality}
    buffer = BytesIO()
    shown = on_white(image) if format == "jpeg" else image
    with _short_of_memory():
        shown.save(buffer, format, **{**encoding.options, **graded, **options})
    return buffer.getvalue()


@contextmanager
def _short_of_memory() -> Iterator[None]:
    """The AVIF encoder says no more than that it failed, which it does over pixels in memory for want of more of it."""
    try:
        yield
    except RuntimeError as error:
        raise MemoryError(str(error)) from error


def house_format(image: Image.Image) -> str:
    """JPEG where every pixel is opaque, else WebP."""
    return "webp" if image.mode == "RGBA" else "jpeg"


def rendition(of: str, name: str, image: Image.Image, format: str, data: bytes) -> Rendition:
    return Rendition(of, name, *image.size, ENCODINGS[format].media_type, data)


def renditions_schema(names: Iterable[str]) -> dict[str, Json]:
    """The JSON Schema of the list of renditions that a result holds, each as `Rendition.described` says."""
    return {
        "type": "array",
        "items": object_schema(
            name={"enum": list(names)},
            width={"type": "integer", "minimum": 1},
            height={"type": "integer", "minimum": 1},
            media_type={"enum": [one.media_type for one in ENCODINGS.values()]},
            size={"type": "integer", "minimum": 1, "description": "bytes"},
            sha256={"type": "string", "pattern": "^[0-9a-f]{64}$"},
            key={"type": "string", "description": "where the bytes lie in object storage"},
        ),
    }
