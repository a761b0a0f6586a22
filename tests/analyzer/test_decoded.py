"""The guarded decode: every format and mode becomes upright sRGB, and hardly more is decoded than is asked for."""

from io import BytesIO

import numpy as np
import pytest
from cykooz_resizer import CpuExtensions
from PIL import Image
from PIL.ImageFile import ImageFile

from services.analyzer import pixels
from services.analyzer.decoded import DecodedImage, fit
from services.analyzer.jobs import Caps
from services.analyzer.opening import Unreadable
from tests import pictures
from tests.analyzer.looking import opened

CORNERS = {"red": (0.1, 0.1), "green": (0.9, 0.1), "blue": (0.9, 0.9), "white": (0.1, 0.9)}
COLORS = {"red": (255, 0, 0), "green": (0, 128, 0), "blue": (0, 0, 255), "white": (255, 255, 255)}


def assert_upright(image: Image.Image) -> None:
    for name, (x, y) in CORNERS.items():
        seen = image.getpixel((int(x * image.width), int(y * image.height)))
        assert np.abs(np.subtract(seen, COLORS[name])).max() < 25, name


def difference(one: Image.Image, other: Image.Image) -> float:
    """Mean difference of two pictures' pixels, 0–255."""
    return float(np.abs(np.asarray(one, dtype=float) - np.asarray(other.resize(one.size), dtype=float)).mean())


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "AVIF", "TIFF", "HEIF"])
def test_every_picture_is_upright_in_every_size(format: str, orientation: int) -> None:
    image = opened(pictures.turned(orientation, format))
    assert image.header.size == (240, 160)
    assert image.header.orientation == orientation
    for picture in (image.large, image.small, image.thumb, image.full()):
        assert_upright(picture)
    assert (image.large.size, image.thumb.size) == ((240, 160), (128, 85))


@pytest.mark.parametrize("orientation", [1, 6])
def test_a_picture_that_is_decoded_at_a_fraction_is_upright_too(orientation: int) -> None:
    image = opened(pictures.turned(orientation, "JPEG", 4800, 3200))
    assert image.large.size == (1600, 1067)
    assert_upright(image.large)


@pytest.mark.parametrize("format", pictures.MEDIA_TYPES)
def test_every_accepted_format_shows_the_same_scene(format: str) -> None:
    image = opened(pictures.in_every_format()[format])
    assert image.header.format == format
    assert image.header.size == (320, 240)
    assert image.large.mode == "RGB"
    assert difference(image.large, pictures.scene(320, 240)) < (12 if format == "GIF" else 6)


OPAQUE_IN_COLOUR = ["cmyk-jpeg", "cmyk-tiff", "rgb-16-png", "lab-tiff", "deflated-tiff", "palette-png",
                    "opaque-rgba-png", "progressive-jpeg"]  # fmt: skip
GREY = ["grey-jpeg", "grey-16-png", "grey-16-tiff", "float-tiff", "integer-tiff"]
SEE_THROUGH = ["grey-alpha-png", "rgba-png", "rgba-webp", "rgba-avif", "palette-transparent-png"]
ANIMATED = ["animated-gif", "animated-webp", "animated-png"]


def test_no_mode_is_forgotten() -> None:
    assert {*OPAQUE_IN_COLOUR, *GREY, *SEE_THROUGH, *ANIMATED, "one-bit-png"} == set(pictures.in_every_mode())


@pytest.mark.parametrize("name", OPAQUE_IN_COLOUR)
def test_every_mode_becomes_rgb(name: str) -> None:
    large = opened(pictures.in_every_mode()[name]).large
    assert large.mode == "RGB"
    assert difference(large, pictures.scene(320, 240)) < 14


@pytest.mark.parametrize("name", GREY)
def test_grey_of_any_depth_keeps_its_shades(name: str) -> None:
    grey = opened(pictures.in_every_mode()[name]).large.convert("L")
    assert difference(grey, pictures.scene(320, 240).convert("L")) < 15


@pytest.mark.parametrize("name", [*OPAQUE_IN_COLOUR, *GREY, *SEE_THROUGH, "one-bit-png"])
def test_every_mode_is_shrunk_from_far_above_the_largest_size(name: str) -> None:
    assert opened(pictures.in_every_mode(4000, 60)[name]).large.size == (1600, 24)


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "CMYK"])
def test_a_picture_is_shrunk_alike_by_every_processor(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    large = pictures.scene(1999, 1501).convert(mode)
    vectorised = pixels.scaled(large, (1600, 1201)).tobytes()
    monkeypatch.setattr(pixels._RESIZER, "cpu_extensions", CpuExtensions.none)
    assert pixels.scaled(large, (1600, 1201)).tobytes() == vectorised


@pytest.mark.parametrize("name", SEE_THROUGH)
def test_transparency_is_kept_where_there_is_any(name: str) -> None:
    image = opened(pictures.in_every_mode()[name])
    assert image.header.has_alpha
    assert {image.large.mode, image.small.mode, image.thumb.mode} == {"RGBA"}


@pytest.mark.parametrize("name", ANIMATED)
def test_the_first_frame_stands_for_an_animation(name: str) -> None:
    image = opened(pictures.in_every_mode()[name])
    assert image.header.frames == 5
    assert difference(image.large, pictures.scene(64, 48, 0)) < 12


@pytest.mark.parametrize(
    ("name", "bits"), [("grey-16-png", 16), ("rgb-16-png", 16), ("grey-16-tiff", 16), ("one-bit-png", 1),
                       ("float-tiff", 32), ("cmyk-jpeg", 8)]
)  # fmt: skip
def test_depth_is_the_files_not_pillows(name: str, bits: int) -> None:
    assert opened(pictures.in_every_mode()[name]).header.bits == bits


def test_exif_after_the_pixels_is_obeyed_too() -> None:
    header = opened(pictures.late_exif_png()).header
    assert (header.size, header.orientation) == ((48, 64), 6)
    assert header.exif[0x010F] == "Canon"


def test_a_jpeg_with_another_behind_it_is_one_jpeg() -> None:
    image = opened(pictures.two_in_one_jpeg(3200, 2400))
    assert (image.header.format, image.header.frames) == ("JPEG", 1)
    assert image.large.size == (1600, 1200)


def test_a_colour_profile_is_obeyed() -> None:
    image = opened(pictures.with_profile(pictures.corners(), pictures.swapped_profile()))
    red, green, blue = image.large.getpixel((10, 10))  # type: ignore[misc]
    assert green > 200 > red
    assert blue < 60


def test_a_colour_profile_under_transparency_is_obeyed() -> None:
    see_through = pictures.corners().convert("RGBA")
    see_through.putalpha(200)
    image = opened(pictures.with_profile(see_through, pictures.swapped_profile(), "PNG"))
    red, green, _, alpha = image.large.getpixel((10, 10))  # type: ignore[misc]
    assert green > 200 > red
    assert alpha == 200


@pytest.mark.parametrize("profile", [b"no profile at all", pictures.srgb_profile()])
def test_a_broken_profile_and_srgb_itself_change_nothing(profile: bytes) -> None:
    assert_upright(opened(pictures.with_profile(pictures.corners(), profile)).large)


def test_nothing_is_enlarged_and_no_size_is_made_twice() -> None:
    image = opened(pictures.photograph(100, 80))
    assert image.large is image.small is image.thumb
    assert image.large.size == (100, 80)


@pytest.mark.parametrize(
    ("size", "longest", "fitted"),
    [((4000, 3000), 1600, (1600, 1200)), ((3000, 4000), 512, (384, 512)), ((10, 10), 128, (10, 10)),
     ((60_000, 2), 1600, (1600, 1)), ((1600, 1), 1600, (1600, 1))],
)  # fmt: skip
def test_fit(size: tuple[int, int], longest: int, fitted: tuple[int, int]) -> None:
    assert fit(size, longest) == fitted


def test_the_cascade_is_the_same_whatever_was_asked_first() -> None:
    data = pictures.photograph(3000, 2000)
    first, second = opened(data), opened(data)
    thumb, _ = first.thumb, first.large
    _, _, later = second.full(), second.large, second.thumb
    assert thumb.tobytes() == later.tobytes()


def test_a_large_jpeg_is_decoded_at_a_fraction(monkeypatch: pytest.MonkeyPatch) -> None:
    drafted: list[tuple[int, int]] = []
    load = ImageFile.load
    image = opened(pictures.photograph(4000, 3000))
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", lambda self: (drafted.append(self.size), load(self))[1])
    _ = image.large
    assert drafted[0] == (2000, 1500)


def test_metadata_decodes_no_pixel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", lambda _: pytest.fail("decoded"))
    for format, data in pictures.in_every_format().items():
        if format not in ("GIF", "AVIF", "HEIF", "WEBP"):  # their headers are the libraries' own
            assert opened(data).header.size == (320, 240)


def test_no_metadata_is_left_on_the_pixels() -> None:
    data = pictures.encoded(pictures.scene(), "JPEG", comment=b"secret", dpi=(300, 300), exif=pictures.exif(gps=(1, 2)))
    image = opened(data)
    assert (image.large.info, image.small.info, image.thumb.info) == ({}, {}, {})


FLICKER = pictures.encoded(
    Image.new("L", (200, 200)), "GIF", save_all=True, append_images=[Image.new("L", (200, 200), n) for n in range(1, 9)]
)
CAPS = Caps(bytes=200_000, pixels=100_000, frames=10, animation_pixels=200_000)


@pytest.mark.parametrize(
    ("data", "type"),
    [
        (pictures.encoded(pictures.scene(600, 400), "PNG"), "too-large"),
        (pictures.encoded(Image.new("1", (400, 300)), "PNG"), "too-many-pixels"),
        (pictures.encoded(Image.new("1", (4000, 3000)), "PNG"), "too-many-pixels"),
        (pictures.gif_of(11), "too-many-frames"),
        (FLICKER, "too-many-frames"),
    ],
)
def test_each_cap_has_its_own_refusal(data: bytes, type: str) -> None:
    with pytest.raises(Unreadable) as refused:
        _ = DecodedImage(data, "0" * 64, CAPS).header
    assert refused.value.type == type


def test_what_is_within_the_caps_is_decoded() -> None:
    assert DecodedImage(pictures.gif_of(10), "0" * 64, CAPS).thumb.size == (1, 1)


def test_bad_bytes_are_looked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    opened_files: list[int] = []
    real = Image.open
    monkeypatch.setattr(Image, "open", lambda *a, **k: (opened_files.append(1), real(*a, **k))[1])
    image = opened(b"no picture")
    for _ in range(3):
        with pytest.raises(Unreadable):
            _ = image.header
    assert len(opened_files) == 1


def test_a_tiff_that_is_no_picture_of_ours_is_refused() -> None:
    buffer = BytesIO()
    Image.new("RGB", (8, 8)).save(buffer, "TIFF")
    with pytest.raises(Unreadable):
        _ = opened(buffer.getvalue()[:20]).header
