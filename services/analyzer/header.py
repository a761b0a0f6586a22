"""What a picture's file says of it before a pixel is decoded."""

from collections.abc import Callable
from dataclasses import dataclass

from PIL import Image
from PIL.ImageFile import ImageFile

from services.analyzer import png
from services.analyzer.opening import complaints, frames_of

Size = tuple[int, int]
TURNED_BY_PILLOW = ("TIFF", "HEIF")  # while it decodes; the others it leaves as they are stored


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What is known before a pixel is decoded. `width` and `height` are upright; `orientation` is EXIF's, 1–8.

    `bits` is the depth of one channel as stored. `exif_note` says what is wrong with the EXIF, or is None.
    """

    format: str
    mode: str
    width: int
    height: int
    orientation: int
    frames: int
    has_alpha: bool
    bits: int
    icc: bytes | None
    exif: Image.Exif
    exif_note: str | None

    @property
    def size(self) -> Size:
        return self.width, self.height


def header_of(image: ImageFile, data: bytes) -> Header:
    exif, note = _exif(image, data)
    orientation = _orientation(image, exif)
    swapped = orientation >= 5 and image.format not in TURNED_BY_PILLOW
    width, height = reversed(image.size) if swapped else image.size
    return Header(
        format="JPEG" if image.format == "MPO" else image.format or "",
        mode=image.mode,
        width=width,
        height=height,
        orientation=orientation,
        frames=frames_of(image),
        has_alpha=image.has_transparency_data,
        bits=_bits(image, data),
        icc=image.info.get("icc_profile") or None,
        exif=exif,
        exif_note=note,
    )


def _exif(image: ImageFile, data: bytes) -> tuple[Image.Exif, str | None]:
    """Broken EXIF does not spoil the pixels. PNG's own `getexif` would decode them all, so it is not called."""
    if image.format == "PNG" and "exif" not in image.info:
        image.info["exif"] = png.exif(data)
    image._exif = None  # what Pillow tried to read by itself, silent about any error
    try:
        with complaints() as heard:
            exif = Image.Image.getexif(image)
    except MemoryError:
        raise
    except Exception as error:
        return Image.Exif(), str(error)
    return exif, next(iter(heard), None)


def _orientation(image: ImageFile, exif: Image.Exif) -> int:
    stated = image.info.get("original_orientation") or exif.get(0x0112, 1)
    return stated if isinstance(stated, int) and 1 <= stated <= 8 else 1


def _bits(image: ImageFile, data: bytes) -> int:
    """Bits of one channel in the file; Pillow gives 8 of a 16-bit RGB."""
    depth: dict[str, Callable[[], int]] = {
        "PNG": lambda: data[24],
        "TIFF": lambda: int(getattr(image, "tag_v2", {}).get(258, (1,))[0]),
        "HEIF": lambda: int(image.info.get("bit_depth", 8)),
    }
    by_mode = {"1": 1, "I;16": 16, "I;16B": 16, "I;16L": 16, "I": 32, "F": 32}
    return depth.get(image.format or "", lambda: by_mode.get(image.mode, 8))()
