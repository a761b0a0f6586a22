"""One decode, many results: nothing is decoded before it is asked for, and the scaled picture only once."""

from collections.abc import Callable
from typing import Any, Generic, TypeVar

from PIL import Image
from PIL.ImageFile import ImageFile

from services.analyzer import pixels, png
from services.analyzer.header import TURNED_BY_PILLOW, Header, Size, header_of
from services.analyzer.jobs import Caps
from services.analyzer.opening import Unreadable, open_guarded, reading

LARGE, SMALL, THUMB = 1600, 512, 128
T = TypeVar("T")


class Once(Generic[T]):
    """A member worked out when it is first asked for; what could not be worked out then is not tried again."""

    def __init__(self, read: Callable[[Any], T]) -> None:
        self._read = read
        self.__doc__ = read.__doc__

    def __set_name__(self, _: type, name: str) -> None:
        self._name = name

    def __get__(self, image: Any, _: type) -> T:
        if self._name not in image.read:
            image.read[self._name] = self._attempt(image)
        found = image.read[self._name]
        if isinstance(found, Unreadable):
            raise found
        return found  # type: ignore[no-any-return]

    def _attempt(self, image: Any) -> T | Unreadable:
        try:
            return self._read(image)
        except Unreadable as error:
            return error
        except MemoryError:
            return Unreadable("decode-memory", "there is not enough memory for this picture")


class DecodedImage:
    """A stranger's bytes as pictures: upright, sRGB, mode RGB, or RGBA where a pixel is not opaque; first frame only.

    The cascade always starts at the 1600 px fit, so that what is computed from `small` or `thumb` does not depend
    on what else was wanted. Every member raises Unreadable. Do not draw on the pictures.
    """

    def __init__(self, data: bytes, sha256: str, caps: Caps | None = None) -> None:
        self.data = data
        self.sha256 = sha256
        self.read: dict[str, Any] = {}
        self.caps = caps or Caps()

    @Once
    def header(self) -> Header:
        image = self._open()
        with reading():
            return header_of(image, self.data)

    @Once
    def large(self) -> Image.Image:
        """Fits 1600 px. Decoded at a fraction of its size where the format can (JPEG)."""
        return self.sized(fit(self.header.size, LARGE))

    @Once
    def small(self) -> Image.Image:
        """Fits 512 px."""
        return self._shrunk(self.large, SMALL)

    @Once
    def thumb(self) -> Image.Image:
        """Fits 128 px."""
        return self._shrunk(self.small, THUMB)

    def full(self) -> Image.Image:
        """Every pixel, decoded anew at each call: up to 4 bytes × `Caps.pixels`, and as much again while converting."""
        return self.sized(self.header.size)

    def sized(self, size: Size, cropped: bool = False) -> Image.Image:
        """All of the picture at `size`, or, `cropped`, the middle of it in the proportions of `size`.

        Decoded anew at each call, at a fraction of its size where the format can (JPEG) and `size` allows. Not from
        the cascade, so that it does not depend on what else was wanted.
        """
        orientation = self._turn()
        stored = size[::-1] if orientation >= 5 else size
        image = self._open()
        with reading():
            if image.format == "PNG":
                png.check(self.data)
            if image.format in ("JPEG", "MPO"):
                image.draft(None, stored)
            image.load()
            resized = pixels.resized(image, stored, cropped)
            return pixels.finished(resized, self.header.icc, orientation)

    def _open(self) -> ImageFile:
        return open_guarded(self.data, self.caps)

    def _shrunk(self, larger: Image.Image, longest: int) -> Image.Image:
        return pixels.scaled(larger, fit(self.header.size, longest))

    def _turn(self) -> int:
        """The EXIF orientation that is still to be obeyed once the picture is decoded."""
        return 1 if self.header.format in TURNED_BY_PILLOW else self.header.orientation


def fit(size: Size, longest: int) -> Size:
    """The size whose longer side is at most `longest`, in the same proportions; never larger, never empty."""
    return fit_into(size, (longest, longest))


def fit_into(size: Size, box: Size) -> Size:
    """The largest size in the same proportions that `box` holds; never larger than `size`, never empty."""
    scale = min(1.0, box[0] / size[0], box[1] / size[1])
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))
