"""Pictures made for tests: photographs with EXIF, every accepted format, every mode, and files meant to do harm.

All of it is deterministic: the same arguments give the same bytes.
"""

import struct
import zipfile
import zlib
from collections.abc import Iterator
from functools import cache
from io import BytesIO
from typing import Any

import numpy as np
import pillow_heif
from PIL import Image, ImageCms
from PIL.ExifTags import GPS, IFD, Base
from PIL.TiffImagePlugin import IFDRational

pillow_heif.register_heif_opener()

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
MEDIA_TYPES = {
    "JPEG": "image/jpeg",
    "PNG": "image/png",
    "GIF": "image/gif",
    "WEBP": "image/webp",
    "AVIF": "image/avif",
    "TIFF": "image/tiff",
    "BMP": "image/bmp",
    "HEIF": "image/heic",
}
SUFFIXES = {"JPEG": "jpg", "TIFF": "tif", "HEIF": "heic"}

# Before EXIF orientation n is obeyed, an upright picture must be turned like this.
_BEFORE = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def scene(width: int = 640, height: int = 480, seed: int = 0) -> Image.Image:
    """An RGB picture that looks like something: a sky, hills, a few round things, a little grain."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    x, y = x / max(width - 1, 1), y / max(height - 1, 1)
    sky, ground = random.uniform(0, 255, (2, 3)).astype(np.float32)
    horizon = 0.5 + 0.2 * np.sin(x * random.uniform(2, 9) + random.uniform(0, 6))
    pixels = np.where((y > horizon)[..., None], ground * (0.4 + 0.6 * y[..., None]), sky * (1 - 0.5 * y[..., None]))
    for _ in range(5):
        cx, cy, radius = random.uniform(0, 1, 3)
        inside = (x - cx) ** 2 + (y - cy) ** 2 < (0.02 + 0.15 * radius) ** 2
        pixels[inside] = random.uniform(0, 255, 3)
    grain = random.normal(0, 3, (height, width, 1)).astype(np.float32)
    return Image.fromarray((pixels + grain).clip(0, 255).astype(np.uint8))


def exif(
    make: str | None = "Canon",
    model: str | None = "Canon EOS R5",
    taken: str | None = "2024:05:06 07:08:09",
    offset: str | None = None,
    gps: tuple[float, float] | None = None,
    orientation: int | None = None,
    **more: Any,
) -> Image.Exif:
    """Like a camera's. `gps` is latitude and longitude in degrees; `more` are EXIF tags by Pillow's names."""
    tags = Image.Exif()
    for tag, value in ((Base.Make, make), (Base.Model, model), (Base.Orientation, orientation)):
        if value is not None:
            tags[tag] = value
    shot = tags.get_ifd(IFD.Exif)
    shot[Base.ExposureTime] = IFDRational(1, 250)
    shot[Base.FNumber] = IFDRational(28, 10)
    shot[Base.ISOSpeedRatings] = 200
    shot[Base.FocalLength] = IFDRational(50)
    shot[Base.LensModel] = "RF50mm F1.8 STM"
    if taken is not None:
        shot[Base.DateTimeOriginal] = taken
    if offset is not None:
        shot[Base.OffsetTimeOriginal] = offset
    for name, value in more.items():
        shot[Base[name]] = value
    if gps is not None:
        tags.get_ifd(IFD.GPSInfo).update(_place(*gps))
    return tags


def _place(latitude: float, longitude: float) -> dict[int, Any]:
    return {
        GPS.GPSLatitudeRef: "S" if latitude < 0 else "N",
        GPS.GPSLatitude: _degrees(abs(latitude)),
        GPS.GPSLongitudeRef: "W" if longitude < 0 else "E",
        GPS.GPSLongitude: _degrees(abs(longitude)),
        GPS.GPSAltitudeRef: b"\x00",
        GPS.GPSAltitude: IFDRational(1234, 10),
    }


def _degrees(value: float) -> tuple[IFDRational, ...]:
    thousandths = round(value * 3_600_000)
    minutes, seconds = divmod(thousandths, 60_000)
    return IFDRational(minutes // 60), IFDRational(minutes % 60), IFDRational(seconds, 1000)


def encoded(image: Image.Image, format: str = "JPEG", **options: Any) -> bytes:
    buffer = BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def photograph(width: int = 640, height: int = 480, seed: int = 0, format: str = "JPEG", **camera: Any) -> bytes:
    """A scene as a camera would have saved it; `camera` as `exif` takes it. GIF and BMP hold no EXIF."""
    image = scene(width, height, seed)
    if format in ("GIF", "BMP"):
        return encoded(image, format)
    return encoded(image, format, exif=exif(**camera).tobytes())


@cache
def in_every_format(width: int = 320, height: int = 240, seed: int = 0) -> dict[str, bytes]:
    return {format: photograph(width, height, seed, format) for format in MEDIA_TYPES}


def corners(width: int = 240, height: int = 160) -> Image.Image:
    """Red, green, blue and white, clockwise from the upper left: what is upright can be seen."""
    image = Image.new("RGB", (width, height), "red")
    image.paste("green", (width // 2, 0, width, height // 2))
    image.paste("blue", (width // 2, height // 2, width, height))
    image.paste("white", (0, height // 2, width // 2, height))
    return image


def turned(orientation: int, format: str = "JPEG", width: int = 240, height: int = 160) -> bytes:
    """`corners`, stored so that it is upright once EXIF `orientation` has been obeyed."""
    return stored(corners(width, height), orientation, format)


def stored(upright: Image.Image, orientation: int, format: str = "JPEG") -> bytes:
    """The picture turned so that it is upright once EXIF `orientation` has been obeyed."""
    turned = upright.transpose(_BEFORE[orientation]) if orientation in _BEFORE else upright
    return encoded(turned, format, exif=exif(orientation=orientation).tobytes())


@cache
def in_every_mode(width: int = 320, height: int = 240) -> dict[str, bytes]:
    """Pictures of all the same scene in the pixel formats that need care, by a name for each."""
    rgb = scene(width, height)
    grey = rgb.convert("L")
    deep = Image.fromarray(np.asarray(grey).astype(np.uint16) * 257)
    transparent = rgb.convert("RGBA")
    transparent.putalpha(Image.linear_gradient("L").resize((width, height)))
    palette = rgb.quantize(64)
    see_through = palette.copy()
    see_through.info["transparency"] = 0
    return {
        "cmyk-jpeg": encoded(rgb.convert("CMYK"), "JPEG"),
        "cmyk-tiff": encoded(rgb.convert("CMYK"), "TIFF"),
        "grey-jpeg": encoded(grey, "JPEG"),
        "grey-16-png": encoded(deep, "PNG"),
        "grey-16-tiff": encoded(deep, "TIFF"),
        "rgb-16-png": rgb_16_png(rgb),
        "float-tiff": encoded(grey.convert("F"), "TIFF"),
        "integer-tiff": encoded(grey.convert("I"), "TIFF"),
        "lab-tiff": encoded(_lab(rgb), "TIFF"),
        "deflated-tiff": encoded(rgb, "TIFF", compression="tiff_adobe_deflate"),
        "one-bit-png": encoded(rgb.convert("1"), "PNG"),
        "palette-png": encoded(palette, "PNG"),
        "palette-transparent-png": encoded(see_through, "PNG"),
        "grey-alpha-png": encoded(transparent.convert("LA"), "PNG"),
        "rgba-png": encoded(transparent, "PNG"),
        "rgba-webp": encoded(transparent, "WEBP"),
        "rgba-avif": encoded(transparent, "AVIF"),
        "opaque-rgba-png": encoded(rgb.convert("RGBA"), "PNG"),
        "animated-gif": animated("GIF"),
        "animated-webp": animated("WEBP"),
        "animated-png": animated("PNG"),
        "progressive-jpeg": encoded(rgb, "JPEG", progressive=True),
    }


def _lab(rgb: Image.Image) -> Image.Image:
    to_lab = ImageCms.buildTransform(ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB")
    return ImageCms.applyTransform(rgb, to_lab)  # type: ignore[return-value]


def animated(format: str = "GIF", frames: int = 5, width: int = 64, height: int = 48) -> bytes:
    first, *rest = (scene(width, height, seed) for seed in range(frames))
    return encoded(first, format, save_all=True, append_images=rest, duration=100)


def rgb_16_png(rgb: Image.Image) -> bytes:
    """Sixteen bits per channel, which Pillow can read and not write."""
    deep = np.asarray(rgb).astype(">u2") * 257
    rows = b"".join(b"\0" + row.tobytes() for row in deep)
    header = struct.pack(">IIBBBBB", rgb.width, rgb.height, 16, 2, 0, 0, 0)
    return png((b"IHDR", header), (b"IDAT", zlib.compress(rows)))


def with_profile(image: Image.Image, profile: bytes, format: str = "JPEG") -> bytes:
    return encoded(image, format, icc_profile=profile)


def srgb_profile() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def swapped_profile() -> bytes:
    """A colour profile whose red is green and whose green is red, so that using it can be seen."""
    profile = bytearray(srgb_profile())
    tags = {bytes(profile[at : at + 4]): struct.unpack(">II", profile[at + 4 : at + 12]) for at in _tags(profile)}
    (red, size), (green, _) = tags[b"rXYZ"], tags[b"gXYZ"]
    profile[red : red + size], profile[green : green + size] = profile[green : green + size], profile[red : red + size]
    return bytes(profile).replace("sRGB".encode("utf-16-be"), "swap".encode("utf-16-be")).replace(b"sRGB", b"swap")


def _tags(profile: bytearray) -> Iterator[int]:
    return iter(range(132, 132 + 12 * int.from_bytes(profile[128:132], "big"), 12))


# Harmful and broken files.


def png(*chunks: tuple[bytes, bytes]) -> bytes:
    return PNG_SIGNATURE + b"".join(png_chunk(*chunk) for chunk in (*chunks, (b"IEND", b"")))


def png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def huge_header_png(side: int = 65_500) -> bytes:
    """Claims side × side pixels and holds none."""
    return png((b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)), (b"IDAT", zlib.compress(b"\0" * 100)))


def huge_header_jpeg(side: int = 65_500) -> bytes:
    """Claims side × side pixels and holds 16 × 16."""
    small = bytearray(encoded(scene(16, 16), "JPEG"))
    frame = small.index(b"\xff\xc0")
    small[frame + 5 : frame + 9] = struct.pack(">HH", side, side)
    return bytes(small)


def png_bomb(side: int = 15_000) -> bytes:
    """225 megapixels in about 27 kB."""
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    return png((b"IHDR", header), (b"IDAT", _deflated(side * ((side + 7) // 8 + 1))))


def gif_of(frames: int = 20_000) -> bytes:
    """One pixel, shown again and again."""
    head = b"GIF89a" + struct.pack("<HHBBB", 1, 1, 0x80, 0, 0) + b"\0\0\0\xff\xff\xff"
    frame = (
        b"\x21\xf9\x04\x00\x01\x00\x00\x00" + b"\x2c" + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\x02\x02\x44\x01\x00"
    )
    return head + frame * frames + b"\x3b"


def text_bomb(size: int = 64 * 1024 * 1024) -> bytes:
    """A PNG whose zTXt chunk unpacks to `size` bytes."""
    return _with_chunk(b"zTXt", b"Comment\0\0" + _deflated(size))


def profile_bomb(size: int = 64 * 1024 * 1024) -> bytes:
    """A PNG whose colour profile unpacks to `size` bytes."""
    return _with_chunk(b"iCCP", b"icc\0\0" + _deflated(size))


def _with_chunk(kind: bytes, body: bytes) -> bytes:
    picture = encoded(scene(64, 64), "PNG")
    header_end = len(PNG_SIGNATURE) + 25
    return picture[:header_end] + png_chunk(kind, body) + picture[header_end:]


def _deflated(zeros: int) -> bytes:
    packer = zlib.compressobj(9)
    step = bytes(1024 * 1024)
    parts = [packer.compress(step) for _ in range(zeros // len(step))]
    return b"".join([*parts, packer.compress(bytes(zeros % len(step))), packer.flush()])


def truncated_jpeg(share: float = 0.5) -> bytes:
    whole = photograph(800, 600)
    return whole[: int(len(whole) * share)]


def late_exif_png() -> bytes:
    """A photograph whose EXIF stands after its pixels, as some programs write it."""
    picture = encoded(scene(64, 48), "PNG")
    return picture[:-12] + png_chunk(b"eXIf", exif(orientation=6).tobytes()[6:]) + picture[-12:]


def two_in_one_jpeg(width: int = 320, height: int = 240) -> bytes:
    """A JPEG with a second one behind it (MPO), as telephones write for depth or brightness."""
    return encoded(scene(width, height), "MPO", save_all=True, append_images=[scene(80, 60, 1)])


def bad_png_crc(chunk: bytes = b"IDAT") -> bytes:
    """Whole pixels, and one bit of a chunk's checksum flipped."""
    picture = bytearray(encoded(scene(200, 150), "PNG"))
    start = picture.index(chunk)
    length = int.from_bytes(picture[start - 4 : start], "big")
    picture[start + 4 + length] ^= 1
    return bytes(picture)


@cache
def broken_exif(width: int = 320, height: int = 240) -> dict[str, bytes]:
    """Fine pixels beside EXIF that is not: noise, cut off, offsets that lead nowhere, values of the wrong kind."""
    image = scene(width, height)
    whole = exif(gps=(1.5, 2.5)).tobytes()
    lost = bytearray(whole)
    lost[6 + 4 : 6 + 8] = b"\xff\xff\xff\x7f"
    return {
        "noise": encoded(image, "JPEG", exif=b"Exif\0\0" + bytes(range(256)) * 4),
        "no-tiff": encoded(image, "JPEG", exif=b"Exif\0\0"),
        "cut-off": encoded(image, "JPEG", exif=whole[: len(whole) // 2]),
        "lost": encoded(image, "JPEG", exif=bytes(lost)),
        "noise-png": encoded(image, "PNG", exif=b"Exif\0\0" + bytes(range(256)) * 4),
        "wrong-kinds": encoded(image, "JPEG", exif=_wrong_kinds()),
    }


def _wrong_kinds() -> Image.Exif:
    tags = Image.Exif()
    tags[Base.Make] = "\x01\x02 Ca\x00non \x7f"
    tags[Base.Orientation] = 99
    shot = tags.get_ifd(IFD.Exif)
    shot[Base.DateTimeOriginal] = "0000:00:00 00:00:00"
    shot[Base.ExposureTime] = IFDRational(0)
    shot[Base.ISOSpeedRatings] = 0
    tags.get_ifd(IFD.GPSInfo)[GPS.GPSLatitude] = (IFDRational(999), IFDRational(0), IFDRational(0))
    return tags


def not_images() -> dict[str, bytes]:
    """What people send under an image's name, by the suffix it should have had."""
    archive = BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("picture.jpg", b"no picture")
    svg = b'<svg xmlns="http://www.w3.org/2000/svg" width="10" height="10"><script>alert(1)</script></svg>'
    return {
        "html": b"<!DOCTYPE html><html><body><script>alert(1)</script></body></html>",
        "svg": b'<?xml version="1.0"?>' + svg,
        "pdf": b"%PDF-1.4\n1 0 obj\n<< /Type /Catalog >>\nendobj\ntrailer\n<< /Root 1 0 R >>\n%%EOF\n",
        "eps": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\nshowpage\n%%EOF\n",
        "zip": archive.getvalue(),
        "psd": b"8BPS\x00\x01" + bytes(6) + struct.pack(">HIIHH", 3, 10, 10, 8, 3) + bytes(12) + bytes(302),
        "ico": encoded(scene(32, 32), "ICO"),
    }
