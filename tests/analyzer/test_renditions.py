"""Pictures made of pictures on request: thumbnails of any size, and re-encoded ones."""

from io import BytesIO
from itertools import pairwise

import jsonschema_rs
import numpy as np
import pytest
from PIL import Image
from PIL.ImageFile import ImageFile

from contracts.analyses import Failure, Result
from contracts.events import Json
from contracts.images import Wanted
from services.analyzer.algorithm import Rendition
from services.analyzer.algorithms.compress import best_within
from services.analyzer.pipeline import analyze
from tests import pictures
from tests.analyzer.looking import house, opened
from tests.analyzer.test_decoded import assert_upright, difference

FORMATS = {"jpeg": "image/jpeg", "png": "image/png", "webp": "image/webp", "avif": "image/avif"}
PHOTOGRAPH = pictures.photograph(1200, 900, gps=(1, 2))
SEE_THROUGH = pictures.in_every_mode()["rgba-png"]
MODES = pictures.in_every_mode()


def asked(algorithm: str, data: bytes, **params: Json) -> tuple[Result | Failure, list[Rendition]]:
    outcomes, renditions = analyze(opened(data), [Wanted(algorithm=algorithm, params=params)], house())
    return outcomes[0], renditions


def made(algorithm: str, data: bytes, **params: Json) -> Image.Image:
    """The one rendition, seen through its file; what is said of it is true and fits the schema."""
    outcome, (rendition,) = asked(algorithm, data, **params)
    assert isinstance(outcome, Result), outcome
    jsonschema_rs.validate(dict(house()[algorithm].result_schema), outcome.result)
    assert outcome.result["renditions"] == [rendition.described()]
    image = Image.open(BytesIO(rendition.data))
    image.load()
    assert (rendition.width, rendition.height) == image.size
    assert Image.MIME[image.format or ""] == rendition.media_type
    assert not image.getexif()
    assert not {"exif", "icc_profile", "comment", "xmp"} & set(image.info)
    return image


def refused(algorithm: str, data: bytes = PHOTOGRAPH, **params: Json) -> tuple[str, str]:
    outcome, renditions = asked(algorithm, data, **params)
    assert isinstance(outcome, Failure)
    assert renditions == []
    return outcome.type, outcome.detail


# Thumbnails


@pytest.mark.parametrize("format", FORMATS)
def test_a_thumbnail_shows_the_scene_in_every_format(format: str) -> None:
    image = made("thumbnail", PHOTOGRAPH, width=300, format=format)
    assert (Image.MIME[image.format or ""], image.size) == (FORMATS[format], (300, 225))
    assert difference(image.convert("RGB"), pictures.scene(1200, 900)) < 6


@pytest.mark.parametrize("format", ["JPEG", "PNG", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("params", [{}, {"height": 100, "fit": "cover"}, {"height": 40, "fit": "fill"}])
def test_a_thumbnail_is_upright(params: dict[str, Json], orientation: int, format: str) -> None:
    image = made("thumbnail", pictures.turned(orientation, format, 2400, 1600), width=120, **params)
    assert image.size == (120, params.get("height", 80))
    assert_upright(image)


def test_contain_shows_all_of_it_and_enlarges_nothing() -> None:
    assert made("thumbnail", PHOTOGRAPH, width=100, height=100).size == (100, 75)
    assert made("thumbnail", PHOTOGRAPH, width=5000, height=5000).size == (1200, 900)


def test_cover_shows_the_middle_in_exactly_the_size() -> None:
    three = Image.new("RGB", (900, 300), "red")
    three.paste("lime", (300, 0, 600, 300))
    three.paste("blue", (600, 0, 900, 300))
    image = made("thumbnail", pictures.encoded(three, "PNG"), width=100, height=100, fit="cover", format="png")
    assert image.size == (100, 100)
    assert image.crop((2, 0, 98, 100)).getcolors() == [(9600, (0, 255, 0))]  # the edges smooth into what is beyond
    assert made("thumbnail", pictures.encoded(three, "PNG"), width=500, height=500, fit="cover").size == (500, 500)


def test_fill_stretches_all_of_it_to_exactly_the_size() -> None:
    image = made("thumbnail", pictures.encoded(pictures.corners(), "PNG"), width=90, height=300, fit="fill")
    assert image.size == (90, 300)
    assert_upright(image)


def test_a_long_thin_picture_covers_a_square_without_being_blown_up_first() -> None:
    thin = pictures.encoded(Image.linear_gradient("L").resize((2, 20_000)), "PNG")
    assert made("thumbnail", thin, width=2000, height=2000, fit="cover").size == (2000, 2000)


@pytest.mark.parametrize("name", MODES)
@pytest.mark.parametrize("format", FORMATS)
def test_every_mode_becomes_every_format(name: str, format: str) -> None:
    image = made("thumbnail", MODES[name], width=32, height=32, fit="cover", format=format)
    assert image.size == (32, 32)


@pytest.mark.parametrize("format", ["png", "webp", "avif"])
def test_transparency_is_kept_where_the_format_has_it(format: str) -> None:
    for algorithm in ("thumbnail", "compress"):
        assert made(algorithm, SEE_THROUGH, format=format).mode == "RGBA"


def test_what_is_transparent_is_white_in_a_jpeg() -> None:
    nothing = pictures.encoded(Image.new("RGBA", (64, 64), (0, 0, 0, 0)), "PNG")
    for algorithm in ("thumbnail", "compress"):
        assert made(algorithm, nothing, format="jpeg").getpixel((9, 9)) == (255, 255, 255)


def test_without_a_format_it_is_the_houses() -> None:
    assert made("thumbnail", PHOTOGRAPH, width=64).format == "JPEG"
    assert made("thumbnail", SEE_THROUGH, width=64).format == "WEBP"


@pytest.mark.parametrize("name", ["animated-gif", "animated-webp", "animated-png"])
@pytest.mark.parametrize("algorithm", ["thumbnail", "compress"])
def test_an_animation_gives_its_first_frame(algorithm: str, name: str) -> None:
    image = made(algorithm, MODES[name], format="png")
    assert not getattr(image, "is_animated", False)
    assert difference(image.convert("RGB"), pictures.scene(64, 48, 0)) < 12


@pytest.mark.parametrize("format", ["jpeg", "webp", "avif"])
def test_a_better_quality_is_a_larger_file(format: str) -> None:
    sizes = [asked("thumbnail", PHOTOGRAPH, format=format, quality=quality)[1] for quality in (1, 30, 60, 100)]
    assert all(len(one[0].data) < len(other[0].data) for one, other in pairwise(sizes))


def test_a_small_thumbnail_of_a_large_jpeg_is_decoded_at_an_eighth(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded: list[tuple[int, int]] = []
    load = ImageFile.load
    data = pictures.photograph(4000, 3000, orientation=6)
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", lambda self: (loaded.append(self.size), load(self))[1])
    for params in ({"height": 200}, {"width": 200, "height": 200, "fit": "cover"}, {"width": 9, "height": 375}):
        asked("thumbnail", data, **params)
    assert set(loaded) == {(500, 375)}


def test_a_thumbnail_does_not_depend_on_what_else_was_wanted() -> None:
    both = [Wanted(algorithm="thumbnail"), Wanted(algorithm="thumbnail", params={"width": 128})]
    data = pictures.photograph(3000, 2000)
    forth, back = analyze(opened(data), both, house()), analyze(opened(data), both[::-1], house())
    assert forth.outcomes == back.outcomes[::-1]


@pytest.mark.parametrize(
    ("params", "detail"),
    [
        ({"width": 0}, "/width: 0 is less than the minimum of 1"),
        ({"width": 8193}, "/width: 8193 is greater than the maximum of 8192"),
        ({"height": "10"}, '/height: "10" is not of type "integer"'),
        ({"height": 1.5}, '/height: 1.5 is not of type "integer"'),
        ({"width": True}, '/width: true is not of type "integer"'),
        ({"fit": "stretch"}, '/fit: "stretch" is not one of "contain", "cover" or "fill"'),
        ({"format": "gif"}, '/format: "gif" is not one of "jpeg", "png" or 2 other candidates'),
        ({"quality": 101}, "/quality: 101 is greater than the maximum of 100"),
        ({"colour": 1}, "Additional properties are not allowed ('colour' was unexpected)"),
        ({"width": 5000, "height": 5000, "fit": "fill"}, "5000 × 5000 px, of at most 16000000 pixels"),
    ],
)
def test_wrong_params_of_a_thumbnail_are_named(params: dict[str, Json], detail: str) -> None:
    assert refused("thumbnail", **params) == ("invalid-params", detail)


# Compress


@pytest.mark.parametrize("format", FORMATS)
def test_a_compressed_picture_is_whole_and_upright(format: str) -> None:
    image = made("compress", pictures.turned(6, "JPEG", 1200, 800), format=format)
    assert (Image.MIME[image.format or ""], image.size) == (FORMATS[format], (1200, 800))
    assert_upright(image.convert("RGB"))


def test_a_png_is_the_picture_to_the_pixel() -> None:
    scene = pictures.scene(300, 200)
    image = made("compress", pictures.encoded(scene, "BMP"), format="png")
    assert np.array_equal(np.asarray(image), np.asarray(scene))


def test_the_quality_is_said() -> None:
    for params, quality in (
        ({"format": "webp"}, 80),
        ({"format": "jpeg", "quality": 33}, 33),
        ({"format": "png"}, None),
    ):
        outcome, _ = asked("compress", PHOTOGRAPH, **params)
        assert isinstance(outcome, Result)
        assert outcome.result["quality"] == quality


@pytest.mark.parametrize(("format", "target"), [("jpeg", 60_000), ("webp", 30_000), ("avif", 20_000)])
def test_the_best_quality_that_fits_is_found(format: str, target: int) -> None:
    outcome, (rendition,) = asked("compress", PHOTOGRAPH, format=format, target_bytes=target)
    assert isinstance(outcome, Result)
    assert len(rendition.data) <= target
    _, (better,) = asked("compress", PHOTOGRAPH, format=format, quality=outcome.result["quality"] + 1)
    assert len(better.data) > target


def test_a_target_that_is_easily_met_makes_no_file_larger_than_it_is_good_for() -> None:
    for params, quality in (({}, 95), ({"quality": 50}, 50), ({"quality": 100}, 100)):
        outcome, _ = asked("compress", PHOTOGRAPH, format="jpeg", target_bytes=10_000_000, **params)
        assert isinstance(outcome, Result)
        assert outcome.result["quality"] == quality


@pytest.mark.parametrize("format", ["jpeg", "webp", "avif"])
def test_a_target_that_cannot_be_met_is_a_failure_that_says_so(format: str) -> None:
    type, detail = refused("compress", format=format, target_bytes=500)
    assert type == "algorithm-failed"
    assert detail.startswith(f"1200 × 900 px in {format} are ")
    assert detail.endswith(" bytes at quality 1, more than target_bytes 500")


def test_a_png_that_is_too_large_says_its_size() -> None:
    type, detail = refused("compress", format="png", target_bytes=500)
    assert type == "algorithm-failed"
    assert "bytes, more than target_bytes 500" in detail


def test_the_search_tries_few_qualities_and_takes_the_best() -> None:
    for most in range(-1, 97):
        tried: list[int] = []
        found = best_within(lambda quality: (tried.append(quality), bytes(quality))[1], 95, most)  # noqa: B023
        assert found.quality == len(found.data) == min(max(most, 1), 95)
        assert len(tried) <= 8
        assert len(set(tried)) == len(tried)


def test_what_a_format_has_no_room_for_is_said() -> None:
    long = pictures.encoded(Image.new("L", (16_384, 2)), "PNG")
    assert refused("compress", long, format="webp") == ("algorithm-failed", "webp has no room for 16384 × 2 px")
    assert made("compress", long, format="avif").size == (16_384, 2)


def test_noise_at_the_best_quality_is_encoded_too() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (1200, 1600, 3), dtype=np.uint8)
    data = pictures.encoded(Image.fromarray(noise), "BMP")
    for format in FORMATS:
        assert made("compress", data, format=format, quality=100).size == (1600, 1200)


@pytest.mark.parametrize(
    ("params", "detail"),
    [
        ({}, '"format" is a required property'),
        ({"quality": 50}, '"format" is a required property'),
        ({"format": "jpeg", "target_bytes": 0}, "/target_bytes: 0 is less than the minimum of 1"),
        ({"format": "jpeg", "width": 5}, "Additional properties are not allowed ('width' was unexpected)"),
    ],
)
def test_wrong_params_of_compress_are_named(params: dict[str, Json], detail: str) -> None:
    assert refused("compress", **params) == ("invalid-params", detail)


# Both


@pytest.mark.parametrize("algorithm", ["thumbnail", "compress"])
def test_a_picture_that_is_none_fails_as_it_does_elsewhere(algorithm: str) -> None:
    assert refused(algorithm, b"no picture", format="png")[0] == "undecodable-image"
    assert refused(algorithm, pictures.truncated_jpeg(), format="png")[0] == "undecodable-image"


def test_several_of_one_algorithm_are_answered_each() -> None:
    wanted = [
        Wanted(algorithm="thumbnail", params={"width": 10}),
        Wanted(algorithm="thumbnail"),
        Wanted(algorithm="thumbnail", params={"width": "wide"}),
        Wanted(algorithm="thumbnail", params={"width": 20}),
    ]
    outcomes = analyze(opened(PHOTOGRAPH), wanted, house()).outcomes
    assert [one.params for one in outcomes] == [one.params for one in wanted]
    assert [type(one) for one in outcomes] == [Result, Result, Failure, Result]
