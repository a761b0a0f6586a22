"""Interest points of pictures whose corners are known."""

import math
from io import BytesIO
from itertools import combinations

import numpy as np
import pytest
from PIL import Image

from contracts.events import Json
from tests import pictures
from tests.analyzer.looking import result

FLAT = Image.new("RGB", (400, 300), "#336699")
CORNERS = [(100, 80), (299, 80), (299, 199), (100, 199)]
Point = tuple[float, float]


def rectangle(scale: int = 1) -> Image.Image:
    """Grey on darker grey, its corner pixels at CORNERS times `scale`."""
    image = Image.new("L", (400 * scale, 300 * scale), 50)
    image.paste(220, (100 * scale, 80 * scale, 300 * scale, 200 * scale))
    return image


def board(squares: int = 8, side: int = 40) -> Image.Image:
    fields = (np.indices((squares, squares)).sum(axis=0) % 2 * 255).astype(np.uint8)
    return Image.fromarray(fields.repeat(side, axis=0).repeat(side, axis=1))


def noise(seed: int = 0) -> bytes:
    values = np.random.default_rng(seed).integers(0, 256, (300, 400), dtype=np.uint8)
    return pictures.encoded(Image.fromarray(values), "PNG")


def points(data: bytes, **params: Json) -> list[dict[str, Json]]:
    found: list[dict[str, Json]] = result("poi_detection", data, params)["points"]
    return found


def places(data: bytes, **params: Json) -> list[Point]:
    return [(one["x"], one["y"]) for one in points(data, **params)]


def assert_near(found: list[Point], expected: list[Point], within: float) -> None:
    """As many, and each expected one has a found one of its own nearby."""
    assert len(found) == len(expected)
    nearest = {min(found, key=lambda point: math.dist(point, corner)) for corner in expected}
    assert len(nearest) == len(expected)
    for corner in expected:
        assert min(math.dist(point, corner) for point in found) <= within, corner


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP"])
def test_a_rectangle_has_four_corners(format: str) -> None:
    assert_near(places(pictures.encoded(rectangle(), format)), CORNERS, 2.5)


def test_a_board_has_a_point_where_four_squares_meet_and_none_at_its_edge() -> None:
    crossings = [(x * 40 - 0.5, y * 40 - 0.5) for x in range(1, 8) for y in range(1, 8)]
    assert_near(places(pictures.encoded(board(), "PNG")), crossings, 1)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format", ["JPEG", "PNG", "TIFF"])
def test_points_are_of_the_upright_picture(format: str, orientation: int) -> None:
    upright = rectangle()
    upright.paste(220, (20, 20, 40, 40))  # so that no turn of it looks like another
    small = [(20, 20), (39, 20), (39, 39), (20, 39)]
    assert_near(places(pictures.stored(upright, orientation, format)), CORNERS + small, 2.5)


@pytest.mark.parametrize("degrees", [10, 30, 45, 77])
def test_corners_are_found_again_when_the_picture_is_turned(degrees: int) -> None:
    turned = rectangle(4).rotate(degrees, Image.Resampling.BICUBIC, expand=False, fillcolor=50)
    middle, angle = (800, 600), math.radians(degrees)
    expected = []
    for x, y in [(400, 320), (1200, 320), (1200, 800), (400, 800)]:
        dx, dy = x - middle[0], y - middle[1]
        expected.append(
            (
                middle[0] + dx * math.cos(angle) + dy * math.sin(angle),
                middle[1] - dx * math.sin(angle) + dy * math.cos(angle),
            )
        )
    best = places(pictures.encoded(turned, "PNG"), count=4)
    assert_near(best, expected, 4)


def test_points_of_a_large_picture_are_in_its_own_pixels() -> None:
    corners = [(10 * x, 10 * y) for x, y in CORNERS]
    assert_near(places(pictures.encoded(rectangle(10), "PNG")), corners, 15)


@pytest.mark.parametrize("format", ["PNG", "JPEG"])
@pytest.mark.parametrize(
    "image", [FLAT, Image.new("RGB", (1, 1)), Image.new("RGB", (1, 9000)), Image.linear_gradient("L")]
)
def test_what_has_no_corner_has_no_point(image: Image.Image, format: str) -> None:
    assert points(pictures.encoded(image, format)) == []


def test_an_edge_is_no_corner() -> None:
    halves = Image.new("L", (400, 400), 0)
    halves.paste(255, (200, 0, 400, 400))
    assert points(pictures.encoded(halves, "PNG")) == []


def test_what_is_transparent_is_white_and_has_no_point() -> None:
    hidden = board().convert("RGBA")
    hidden.putalpha(0)
    assert points(pictures.encoded(hidden, "PNG")) == []


def test_the_best_come_first_and_no_more_than_asked() -> None:
    everything = points(noise(), count=1000, min_distance=1)
    scores = [one["score"] for one in everything]
    assert len(everything) == 1000
    assert scores == sorted(scores, reverse=True)
    assert points(noise(), count=7, min_distance=1) == everything[:7]
    assert len(points(noise())) == 100


@pytest.mark.parametrize("scale", [1, 7])
@pytest.mark.parametrize("apart", [1, 25, 90])
def test_no_two_points_are_nearer_than_asked(apart: int, scale: int) -> None:
    image = Image.open(BytesIO(noise())).resize((400 * scale, 300 * scale), Image.Resampling.NEAREST)
    found = places(pictures.encoded(image, "PNG"), count=1000, min_distance=apart * scale)
    assert len(found) > 10
    assert min(math.dist(*pair) for pair in combinations(found, 2)) >= apart * scale


@pytest.mark.parametrize("side", [40, 600])
def test_a_corner_is_one_point_however_near_points_may_be(side: int) -> None:
    assert len(points(pictures.encoded(board(8, side), "PNG"), min_distance=1, count=1000)) == 49


def test_a_weaker_point_stays_where_the_better_one_is_too_far_to_stand_for_it() -> None:
    found = places(noise(), count=1000, min_distance=100)
    everything = places(noise(), count=1000, min_distance=1)
    assert all(min(math.dist(one, kept) for kept in found) <= 101 for one in everything)


def test_the_same_picture_has_the_same_points() -> None:
    assert points(noise(1), min_distance=3) == points(noise(1), min_distance=3)


def test_corners_agree_with_scikit_image() -> None:
    from skimage.feature import corner_peaks, corner_shi_tomasi

    grey = np.asarray(board(6, 50)).astype(float)
    peaks = corner_peaks(corner_shi_tomasi(grey, sigma=1.5), min_distance=10, threshold_rel=0.1)
    assert_near(places(pictures.encoded(board(6, 50), "PNG")), [(x, y) for y, x in peaks.tolist()], 1.5)
