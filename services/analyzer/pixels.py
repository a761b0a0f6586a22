"""From any of Pillow's modes to upright sRGB: shrunk first, converted after, so that little is held at full size."""

from functools import lru_cache
from io import BytesIO

import numpy as np
from cykooz_resizer import CropBox, FilterType, ResizeAlg, ResizeOptions, Resizer
from PIL import Image, ImageCms

SRGB = ImageCms.createProfile("sRGB")

_RESIZER = Resizer()
_BICUBIC = ResizeAlg.convolution(FilterType.catmull_rom)
_RESIZABLE = ("L", "RGB", "RGBa", "CMYK")
_SIXTEEN = ("I;16", "I;16L", "I;16B", "I;16N")
_WHITES = (1, 255, 65535)
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def resized(image: Image.Image, size: tuple[int, int], cropped: bool = False) -> Image.Image:
    """The picture at `size`, in a mode whose values can be averaged; `cropped` as `scaled` takes it."""
    averaged = image.convert(_averaging(image)) if _averaging(image) != image.mode else image
    return scaled(averaged, size, cropped)


def scaled(image: Image.Image, size: tuple[int, int], cropped: bool = False) -> Image.Image:
    """All of the picture stretched to `size`, or, `cropped`, the middle of it that has the proportions of `size`.

    By the filter that Pillow calls BICUBIC; in the usual modes at a fifth of Pillow's time (docs/adr/0007).
    """
    if image.size == size:
        return image
    if image.mode == "RGBA":  # Pillow makes the copy, so that one for which there is no memory is a MemoryError
        return scaled(image.convert("RGBa"), size, cropped).convert("RGBA")
    left, top, width, height = _middle(image.size, size) if cropped else (0.0, 0.0, *image.size)
    if image.mode not in _RESIZABLE:
        return image.resize(size, Image.Resampling.BICUBIC, (left, top, left + width, top + height))
    other = Image.new(image.mode, size)
    _RESIZER.resize_pil(image, other, ResizeOptions(_BICUBIC, crop_box=CropBox(left, top, width, height)))
    return other


def finished(image: Image.Image, icc: bytes | None, orientation: int) -> Image.Image:
    """Upright and sRGB, RGBA only where a pixel is not opaque, and nothing of the file's metadata left."""
    upright = _turned(_opaque(_srgb(_eight_bits(image), icc)), orientation)
    plain = upright.copy() if upright is image else upright
    plain.info = {}
    return plain


def on_white(image: Image.Image) -> Image.Image:
    """The picture as RGB, its transparent parts white."""
    if image.mode != "RGBA":
        return image
    white = Image.new("RGB", image.size, "white")
    white.paste(image, mask=image.getchannel("A"))
    return white


def profile_name(icc: bytes) -> str | None:
    """The name a colour profile gives itself, None where it cannot be read."""
    try:
        return ImageCms.getProfileDescription(_profile(icc)).replace("\0", "").strip()[:200] or None
    except (ImageCms.PyCMSError, OSError, ValueError):
        return None


def _middle(whole: tuple[int, int], size: tuple[int, int]) -> tuple[float, float, float, float]:
    """Left, top, width and height of the largest part in the proportions of `size`, which has the same centre."""
    scale = min(whole[0] / size[0], whole[1] / size[1])
    width, height = min(size[0] * scale, whole[0]), min(size[1] * scale, whole[1])
    return (whole[0] - width) / 2, (whole[1] - height) / 2, width, height


def _averaging(image: Image.Image) -> str:
    if image.has_transparency_data:
        return "LA" if image.mode == "LA" else "RGBA"
    return {"1": "L", "P": "RGB", "RGBX": "RGB", "HSV": "RGB"}.get(image.mode, image.mode)


def _eight_bits(image: Image.Image) -> Image.Image:
    """Sixteen bits lose the lower eight. 32-bit numbers do not say what is white: the least that it can be."""
    if image.mode in _SIXTEEN:
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    if image.mode not in ("I", "F"):
        return image
    values = np.nan_to_num(np.asarray(image, dtype=np.float64))
    black, white = min(0.0, values.min()), next((white for white in _WHITES if values.max() <= white), values.max())
    return Image.fromarray(((values - black) * (255 / (white - black))).round().astype(np.uint8))


def _srgb(image: Image.Image, icc: bytes | None) -> Image.Image:
    if icc and (converted := _managed(image, icc)):
        return converted
    if image.mode == "LAB":
        return _converted(image, ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")))
    return image.convert("RGBA" if image.mode in ("RGBA", "LA") else "RGB")


def _managed(image: Image.Image, icc: bytes) -> Image.Image | None:
    """Converted by its own profile; None where that changes nothing or the profile does not fit the pixels."""
    if "srgb" in (profile_name(icc) or "").lower() and image.mode in ("RGB", "RGBA", "L", "LA"):
        return None
    try:
        if image.mode in ("LA", "RGBA"):
            return _with_alpha(_converted(image.convert(image.mode[:-1]), _profile(icc)), image.getchannel("A"))
        return _converted(image, _profile(icc))
    except (ImageCms.PyCMSError, OSError, ValueError):
        return None


def _converted(image: Image.Image, profile: ImageCms.ImageCmsProfile) -> Image.Image:
    transform = ImageCms.buildTransform(profile, SRGB, image.mode, "RGB")
    return ImageCms.applyTransform(image, transform)  # type: ignore[return-value]  # None only in place


def _with_alpha(colours: Image.Image, alpha: Image.Image) -> Image.Image:
    colours.putalpha(alpha)
    return colours


@lru_cache(maxsize=8)
def _profile(icc: bytes) -> ImageCms.ImageCmsProfile:
    return ImageCms.ImageCmsProfile(BytesIO(icc))


def _opaque(image: Image.Image) -> Image.Image:
    if image.mode == "RGBA" and image.getchannel("A").getextrema() == (255, 255):
        return image.convert("RGB")
    return image


def _turned(image: Image.Image, orientation: int) -> Image.Image:
    return image.transpose(_TURNS[orientation]) if orientation in _TURNS else image
