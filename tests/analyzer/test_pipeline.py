"""One algorithm's failure is its own, and every outcome fits into an event."""

from io import BytesIO

import jsonschema_rs
import msgspec
import orjson
import pytest
from PIL import Image

from contracts.analyses import Failure, Result
from contracts.events import Json
from contracts.images import Wanted
from contracts.problems import BY_SLUG
from services.analyzer.pipeline import analyze
from tests import pictures
from tests.analyzer import rogues
from tests.analyzer.looking import HOUSE, failures, house, looked, opened, results

PHOTOGRAPH = pictures.photograph(gps=(1, 2))
EVERYTHING = pictures.in_every_format() | pictures.in_every_mode() | pictures.broken_exif()


def attempted(algorithm: str, params: dict[str, Json] | None = None) -> Result | Failure:
    wanted = Wanted(algorithm=algorithm, params=params or {})
    return analyze(opened(PHOTOGRAPH), [wanted], rogues.installed({})).outcomes[0]


@pytest.mark.parametrize("name", EVERYTHING)
def test_every_result_fits_its_schema(name: str) -> None:
    for algorithm, result in results(EVERYTHING[name]).items():
        jsonschema_rs.validate(dict(house()[algorithm].result_schema), result)
        assert orjson.loads(orjson.dumps(result)) == result


def test_every_algorithm_says_what_it_is() -> None:
    assert set(house()) >= set(HOUSE)
    for algorithm in house().values():
        assert algorithm.version >= 1
        assert algorithm.description
        jsonschema_rs.meta.validate(dict(algorithm.params_schema))
        jsonschema_rs.meta.validate(dict(algorithm.result_schema))


def test_outcomes_stand_in_the_order_they_were_wanted() -> None:
    wanted = [Wanted(algorithm=name) for name in ("quality", "nothing", "raises", "hash")]
    outcomes = analyze(opened(PHOTOGRAPH), wanted, rogues.installed({})).outcomes
    assert [one.algorithm for one in outcomes] == ["quality", "nothing", "raises", "hash"]
    assert [type(one) for one in outcomes] == [Result, Failure, Failure, Result]


@pytest.mark.parametrize(
    ("algorithm", "params", "type"),
    [
        ("nothing", {}, "algorithm-disabled"),
        ("raises", {}, "algorithm-failed"),
        ("unfit", {"kind": "nul"}, "algorithm-failed"),
        ("unfit", {"kind": "object"}, "algorithm-failed"),
        ("unfit", {"kind": "huge"}, "algorithm-failed"),
        ("unfit", {"kind": "lone"}, "algorithm-failed"),
        ("picky", {}, "invalid-params"),
        ("picky", {"width": "x" * 10_000}, "invalid-params"),
        ("thumbnail", {"colour": "red"}, "invalid-params"),
    ],
)
def test_each_failure_has_its_type(algorithm: str, params: dict[str, Json], type: str) -> None:
    outcome = attempted(algorithm, params)
    assert isinstance(outcome, Failure)
    assert (outcome.type, outcome.params) == (type, params)
    assert outcome.type in BY_SLUG
    assert len(outcome.detail) <= 500
    assert b"\\u0000" not in msgspec.json.encode(outcome)


def test_wrong_params_are_said_and_where_they_are() -> None:
    outcome = attempted("picky", {"width": 0})
    assert isinstance(outcome, Failure)
    assert outcome.detail == "/width: 0 is less than the minimum of 1"


def test_params_that_fit_reach_the_algorithm() -> None:
    assert attempted("picky", {"width": 7}) == Result(
        algorithm="picky", version=1, params={"width": 7}, result={"width": 7}
    )


BAD = {
    "empty": (b"", "undecodable-image"),
    "huge header": (pictures.huge_header_jpeg(), "too-many-pixels"),
    "huge header of a PNG": (pictures.huge_header_png(), "too-many-pixels"),
    "PNG bomb": (pictures.png_bomb(), "too-many-pixels"),
    "20,000 frames": (pictures.gif_of(20_000), "too-many-frames"),
    "zTXt bomb": (pictures.text_bomb(), "undecodable-image"),
    "iCCP bomb": (pictures.profile_bomb(), "undecodable-image"),
    "bad checksum of the header": (pictures.bad_png_crc(b"IHDR"), "undecodable-image"),
} | {name: (data, "undecodable-image") for name, data in pictures.not_images().items()}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_picture_fails_in_every_algorithm(name: str) -> None:
    data, type = BAD[name]
    assert failures(data) == dict.fromkeys(HOUSE, type)


@pytest.mark.parametrize("data", [pictures.truncated_jpeg(), pictures.bad_png_crc()], ids=["truncated", "checksum"])
def test_damaged_pixels_leave_what_the_header_says(data: bytes) -> None:
    assert failures(data) == dict.fromkeys(HOUSE[2:], "undecodable-image")


def test_the_bombs_are_as_harmful_as_they_say() -> None:
    assert len(pictures.png_bomb()) < 30_000
    assert Image.open(BytesIO(pictures.gif_of(20_000))).n_frames == 20_000  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", EVERYTHING)
def test_renditions_carry_no_metadata(name: str) -> None:
    for rendition in looked(EVERYTHING[name]).renditions:
        image = Image.open(BytesIO(rendition.data))
        image.load()
        assert not image.getexif()
        assert not {"exif", "icc_profile", "comment", "xmp", "dpi"} & set(image.info)
        assert (image.width, image.height) == (rendition.width, rendition.height)
        assert Image.MIME[image.format or ""] == rendition.media_type
        assert b"Canon" not in rendition.data


def test_renditions_are_jpeg_where_opaque_and_webp_where_not() -> None:
    modes = pictures.in_every_mode()
    opaque, see_through = looked(modes["opaque-rgba-png"]), looked(modes["rgba-png"])
    assert {one.media_type for one in opaque.renditions} == {"image/jpeg"}
    assert {one.media_type for one in see_through.renditions} == {"image/webp"}


def test_descriptors_speak_of_the_bytes() -> None:
    renditions = looked(PHOTOGRAPH).renditions
    assert results(PHOTOGRAPH)["thumbnail"]["renditions"] == [one.described() for one in renditions]
    for one in renditions:
        assert one.key == f"derived/{opened(PHOTOGRAPH).sha256}/{one.sha256}"


def test_the_same_bytes_give_the_same_outcomes() -> None:
    assert looked(PHOTOGRAPH) == looked(PHOTOGRAPH)
