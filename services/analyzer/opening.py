"""Opening bytes that a stranger sent: accepted formats only, nothing over the caps, every refusal with its type."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO

# Imported by name, so that Pillow never loads the forty plug-ins that are not accepted.
from PIL import AvifImagePlugin, BmpImagePlugin, GifImagePlugin, Image, JpegImagePlugin, UnidentifiedImageError

from PIL import PngImagePlugin, TiffImagePlugin, WebPImagePlugin  # isort: skip
from PIL.ImageFile import ImageFile

from services.analyzer.jobs import Caps

ACCEPTED = ("JPEG", "PNG", "GIF", "WEBP", "AVIF", "TIFF", "BMP", "HEIF")
PLUGINS = (AvifImagePlugin, BmpImagePlugin, GifImagePlugin, JpegImagePlugin, PngImagePlugin, TiffImagePlugin,
           WebPImagePlugin)  # fmt: skip

AvifImagePlugin.DEFAULT_MAX_THREADS = 1  # the cores belong to the neighbours


class Unreadable(Exception):
    """A picture that cannot be shown, now or ever. `type` is the slug of a problem type."""

    def __init__(self, type: str, detail: str) -> None:
        super().__init__(detail)
        self.type = type
        self.detail = detail


def open_guarded(data: bytes, caps: Caps) -> ImageFile:
    """The picture, its header read and no pixel decoded. Raises Unreadable, MemoryError."""
    if len(data) > caps.bytes:
        raise Unreadable("too-large", f"{len(data)} bytes, of at most {caps.bytes}")
    if data[4:8] == b"ftyp":
        _accept_heic()
    Image.MAX_IMAGE_PIXELS = caps.pixels  # what Pillow checks by itself, deep in its plug-ins
    with reading():
        image = Image.open(BytesIO(data), formats=ACCEPTED)
        frames = frames_of(image)
    _check(image.width * image.height, frames, caps)
    return image


def is_accepted(data: bytes) -> bool:
    """Whether the bytes begin like an accepted kind of image."""
    begins = [Image.OPEN[kind][1] for kind in ACCEPTED if kind in Image.OPEN]
    return data[4:8] == b"ftyp" or any(check and check(data[:16]) for check in begins)


def frames_of(image: ImageFile) -> int:
    """One for a still. A JPEG's companions (gain map, other eye) and a TIFF's or HEIC's pages are no animation."""
    return int(getattr(image, "n_frames", 1)) if image.format in ("GIF", "PNG", "WEBP", "AVIF") else 1


@contextmanager
def reading() -> Iterator[None]:
    """Turns whatever Pillow raises over bad bytes into Unreadable; MemoryError passes."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            yield
    except (Unreadable, MemoryError):
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise Unreadable("too-many-pixels", f"more than {Image.MAX_IMAGE_PIXELS} pixels") from error
    except UnidentifiedImageError as error:
        raise Unreadable("undecodable-image", "the bytes are no accepted kind of image") from error
    except Exception as error:  # over damaged bytes the codecs raise nearly anything
        raise Unreadable("undecodable-image", f"{type(error).__name__}: {error}") from error


@contextmanager
def complaints() -> Iterator[list[str]]:
    """What Pillow warns of meanwhile, when it has ended."""
    heard: list[str] = []
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        yield heard
    heard.extend(str(warning.message) for warning in warned)


def _check(pixels: int, frames: int, caps: Caps) -> None:
    if pixels > caps.pixels:
        raise Unreadable("too-many-pixels", f"{pixels} pixels, of at most {caps.pixels}")
    if frames > caps.frames:
        raise Unreadable("too-many-frames", f"{frames} frames, of at most {caps.frames}")
    if frames * pixels > caps.animation_pixels:
        raise Unreadable("too-many-frames", f"{frames} frames of {pixels} pixels, of at most {caps.animation_pixels}")


def _accept_heic() -> None:
    """Loaded when a picture needs it: the library is large, and not everywhere."""
    if "HEIF" in Image.OPEN:
        return
    try:
        import pillow_heif
    except ImportError as error:
        raise Unreadable("undecodable-image", "HEIC is not supported on this machine") from error
    pillow_heif.register_heif_opener(decode_threads=1, thumbnails=False)
