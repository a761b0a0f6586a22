"""What the house algorithms say of pictures whose answers are known."""

import numpy as np
import pytest
from PIL import Image
from scipy.fft import dctn

from contracts.events import Json
from services.analyzer.algorithms.hash import dhash, phash
from tests import pictures
from tests.analyzer.looking import result

FLAT = pictures.encoded(Image.new("RGB", (300, 200), "#336699"), "PNG")
CHECKERS = Image.fromarray(((np.indices((256, 256)).sum(axis=0) % 2) * 255).astype(np.uint8))


def differing(one: str, other: str) -> int:
    return (int(one, 16) ^ int(other, 16)).bit_count()


# metadata


def test_metadata_of_a_turned_photograph_is_upright() -> None:
    found = result("metadata", pictures.photograph(600, 400, orientation=6))
    assert found == {
        "width": 400, "height": 600, "format": "JPEG", "mode": "RGB", "frames": 1, "animated": False,
        "has_alpha": False, "icc_profile": None, "orientation": 6, "bits": 8,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("animated-gif", {"frames": 5, "animated": True, "format": "GIF"}),
        ("rgba-png", {"has_alpha": True, "mode": "RGBA"}),
        ("palette-transparent-png", {"has_alpha": True, "mode": "P"}),
        ("cmyk-jpeg", {"mode": "CMYK", "has_alpha": False}),
        ("rgb-16-png", {"bits": 16}),
    ],
)
def test_metadata_of_special_modes(name: str, expected: dict[str, Json]) -> None:
    found = result("metadata", pictures.in_every_mode()[name])
    assert {key: found[key] for key in expected} == expected


def test_the_colour_profile_is_named() -> None:
    assert result("metadata", pictures.with_profile(pictures.scene(), pictures.srgb_profile()))["icc_profile"] == (
        "sRGB built-in"
    )
    assert result("metadata", pictures.with_profile(pictures.scene(), b"rubbish"))["icc_profile"] is None


# exif

CANON = {
    "make": "Canon", "model": "Canon EOS R5", "lens": "RF50mm F1.8 STM", "taken_at": "2024-05-06T07:08:09Z",
    "exposure_time": 0.004, "f_number": 2.8, "iso": 200, "focal_length": 50.0, "note": None,
}  # fmt: skip


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "AVIF", "TIFF", "HEIF"])
def test_exif_is_read_from_every_format_that_holds_it(format: str) -> None:
    found = result("exif", pictures.photograph(format=format, gps=(-33.856784, 151.215297)))
    assert {key: found[key] for key in CANON} == CANON
    assert found["gps"] == {"latitude": -33.856784, "longitude": 151.215297, "altitude": 123.4}


@pytest.mark.parametrize(
    ("taken", "offset", "taken_at"),
    [
        ("2024:05:06 07:08:09", "+02:00", "2024-05-06T05:08:09Z"),
        ("2024:05:06 07:08:09", "-09:30", "2024-05-06T16:38:09Z"),
        ("2024:05:06 07:08:09", "nonsense", "2024-05-06T07:08:09Z"),
        ("2024-05-06 07:08:09", None, "2024-05-06T07:08:09Z"),
        ("0000:00:00 00:00:00", None, None),
        ("0001:01:01 00:00:00", "+02:00", None),
        ("2024:13:06 07:08:09", None, None),
        ("    :  :     :  :  ", None, None),
        ("", None, None),
        (None, None, None),
    ],
)
def test_the_time_is_utc_or_null(taken: str | None, offset: str | None, taken_at: str | None) -> None:
    assert result("exif", pictures.photograph(64, 48, taken=taken, offset=offset))["taken_at"] == taken_at


def test_a_picture_without_exif_has_nulls() -> None:
    assert set(result("exif", pictures.encoded(pictures.scene(), "PNG")).values()) == {None}


@pytest.mark.parametrize("name", pictures.broken_exif())
def test_broken_exif_spoils_nothing(name: str) -> None:
    data = pictures.broken_exif()[name]
    found = result("exif", data)
    assert found["gps"] is None
    assert found["taken_at"] is None
    assert result("metadata", data)["width"] == 320


@pytest.mark.parametrize("name", ["noise", "noise-png", "cut-off", "lost"])
def test_broken_exif_is_said_so(name: str) -> None:
    assert result("exif", pictures.broken_exif()[name])["note"]


def test_text_is_one_clean_line() -> None:
    found = result("exif", pictures.photograph(make="  NIKON\0\n\x07 CORPORATION \0\0", model="Z9" * 500))
    assert found["make"] == "NIKON CORPORATION"
    assert len(found["model"]) <= 200


# thumbnail


def test_the_three_renditions_are_described_by_their_bytes() -> None:
    found = result("thumbnail", pictures.photograph(3000, 2000))
    assert [(one["name"], one["width"], one["height"]) for one in found["renditions"]] == [
        ("thumb", 128, 85), ("small", 512, 341), ("large", 1600, 1067),
    ]  # fmt: skip
    assert {one["media_type"] for one in found["renditions"]} == {"image/jpeg"}


def test_a_placeholder_stands_for_the_picture() -> None:
    assert 20 <= len(result("thumbnail", pictures.photograph())["thumbhash"]) <= 40


# colors


def test_a_flat_picture_has_one_colour() -> None:
    assert result("colors", FLAT) == {
        "dominant": "#336699", "average": "#336699", "palette": [{"color": "#336699", "share": 1.0}],
    }  # fmt: skip


def test_shares_follow_the_areas() -> None:
    image = Image.new("RGB", (400, 100), "#ff0000")
    image.paste("#0000ff", (300, 0, 400, 100))
    found = result("colors", pictures.encoded(image, "PNG"))
    red, blue = (one["share"] for one in found["palette"][:2])
    assert found["dominant"] == found["palette"][0]["color"] == "#ff0000"
    assert red == pytest.approx(0.75, abs=0.02)
    assert blue == pytest.approx(0.25, abs=0.02)
    assert sum(one["share"] for one in found["palette"]) == pytest.approx(1, abs=0.001)


def test_what_cannot_be_seen_has_no_colour() -> None:
    logo = Image.new("RGBA", (100, 100), (0, 0, 0, 0))
    assert result("colors", pictures.encoded(logo, "PNG")) == {"dominant": None, "average": None, "palette": []}
    logo.paste("#00ff00", (0, 0, 50, 50))
    assert result("colors", pictures.encoded(logo, "PNG"))["dominant"] == "#00ff00"


# hash


@pytest.mark.parametrize("seed", range(4))
def test_phash_is_the_published_one(seed: int) -> None:
    """As the ImageHash package has it, by another implementation of the cosine transform."""
    grey = pictures.scene(128, 96, seed).convert("L")
    pixels = np.asarray(grey.resize((32, 32), Image.Resampling.LANCZOS), dtype=float)
    lowest = dctn(pixels)[:8, :8]
    bits = "".join("1" if bit else "0" for bit in (lowest > np.median(lowest)).ravel())
    assert phash(grey) == f"{int(bits, 2):016x}"


def test_dhash_says_where_it_gets_brighter() -> None:
    assert dhash(Image.linear_gradient("L").rotate(90)) == "ffffffffffffffff"
    assert dhash(Image.linear_gradient("L").rotate(270)) == "0000000000000000"


def test_a_flat_picture_has_no_noise_in_its_hash() -> None:
    assert result("hash", FLAT) == {"phash": "8000000000000000", "dhash": "0000000000000000"}


@pytest.mark.parametrize("kind", ["phash", "dhash"])
def test_near_duplicates_are_near_and_others_are_not(kind: str) -> None:
    picture = pictures.scene(1600, 1200, seed=7)
    original = result("hash", pictures.encoded(picture, "PNG"))[kind]
    smaller = result("hash", pictures.encoded(picture.resize((800, 600)), "JPEG", quality=60))[kind]
    other = result("hash", pictures.encoded(pictures.scene(1600, 1200, seed=8), "PNG"))[kind]
    assert differing(original, smaller) <= 6
    assert differing(original, other) >= 12


# quality


def test_quality_of_a_flat_picture() -> None:
    grey = pictures.encoded(Image.new("L", (300, 200), 128), "PNG")
    found = result("quality", grey)
    assert (found["sharpness"], found["contrast"], found["entropy"]) == (0, 0, 0)
    assert found["brightness"] == pytest.approx(128 / 255, abs=1e-4)
    assert found["exposure"] == pytest.approx(1, abs=1e-3)


def test_quality_of_black_and_white_halves() -> None:
    halves = Image.new("L", (400, 400), 0)
    halves.paste(255, (200, 0, 400, 400))
    found = result("quality", pictures.encoded(halves, "PNG"))
    assert found["entropy"] == 1.0
    assert (found["contrast"], found["brightness"]) == (0.5, 0.5)
    assert found["exposure"] == pytest.approx(np.exp(-0.25 / 0.08), abs=1e-4)


def test_every_shade_alike_is_eight_bits_of_entropy() -> None:
    shades = Image.fromarray(np.arange(256, dtype=np.uint8).repeat(256).reshape(256, 256))
    assert result("quality", pictures.encoded(shades, "PNG"))["entropy"] == 8.0


def test_sharpness_falls_with_every_blur() -> None:
    sharp = pictures.scene(512, 384)
    blurred = [sharp, sharp.resize((256, 192)).resize((512, 384)), sharp.resize((64, 48)).resize((512, 384))]
    values = [result("quality", pictures.encoded(image, "PNG"))["sharpness"] for image in blurred]
    assert values == sorted(values, reverse=True)
    assert result("quality", pictures.encoded(CHECKERS, "PNG"))["sharpness"] > 500_000
