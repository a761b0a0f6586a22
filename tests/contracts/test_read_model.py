"""Words and colours: what is stored and what is asked must meet."""

import pytest

from contracts.read_model.colors import cell, cells_near, lab
from contracts.read_model.words import begins_with_all, words
from services.projector.searchable import NOTHING, drawn


def test_words_are_folded_split_and_distinct() -> None:
    assert words("Beach_Party-2024.JPG", None, "the BEACH", "Straße") == [
        "2024",
        "beach",
        "jpg",
        "party",
        "strasse",
        "the",
    ]


def test_a_word_is_cut_where_the_index_ends() -> None:
    assert words("x" * 5000) == ["x" * 100]


def test_what_is_asked_cannot_leave_its_quotes() -> None:
    assert begins_with_all(words("a' | 'b \\ & !")) == "'a':* & 'b':*"


@pytest.mark.parametrize(
    ("color", "expected"),
    [
        ("#ffffff", (100, 0, 0)),
        ("#000000", (0, 0, 0)),
        ("#ff0000", (53.24, 80.09, 67.20)),
        ("#0000ff", (32.30, 79.19, -107.86)),
    ],
)
def test_lab_is_that_of_the_textbook(color: str, expected: tuple[float, float, float]) -> None:
    assert lab(color) == pytest.approx(expected, abs=0.02)


@pytest.mark.parametrize("near", ["#2f6f9f", "#30709e", "#2a6a9a", "#36769f"])
def test_a_colour_is_found_by_one_that_looks_like_it(near: str) -> None:
    assert cell("#2f6f9f") in cells_near(near)


@pytest.mark.parametrize("far", ["#ffffff", "#9f2f2f", "#2f9f3a", "#000000"])
def test_another_colour_is_not(far: str) -> None:
    assert cell("#2f6f9f") not in cells_near(far)


@pytest.mark.parametrize("wrong", ["red", "#12345", "#gggggg", "", "#1234567"])
def test_what_is_no_colour_is_refused(wrong: str) -> None:
    with pytest.raises(ValueError):
        lab(wrong)


def test_an_exif_fact_is_found_by_camera_and_time() -> None:
    found = drawn("exif", {"make": "Fujifilm", "model": "X-T5", "taken_at": "2025-08-03T18:20:11+02:00"})
    assert (found.camera, found.taken_at and found.taken_at.isoformat()) == (
        "fujifilm x-t5",
        "2025-08-03T18:20:11+02:00",
    )


def test_a_hash_is_a_signed_number() -> None:
    assert drawn("hash", {"phash": "ffffffffffffffff"}).phash == -1
    assert drawn("hash", {"phash": "00000000000000ff"}).phash == 255


@pytest.mark.parametrize(
    ("algorithm", "result"),
    [
        ("hash", {"phash": "xyz"}),
        ("hash", {}),
        ("exif", {"taken_at": "yesterday"}),
        ("exif", {"taken_at": 7}),
        ("colors", {"palette": [{"color": "red", "share": 1}]}),
        ("colors", {"palette": 3}),
        ("classification", {"labels": "cat"}),
        ("unheard-of", {"phash": "0" * 16}),
    ],
)
def test_an_odd_result_stands_but_is_not_searchable(algorithm: str, result: dict[str, object]) -> None:
    assert drawn(algorithm, result) == NOTHING


def test_long_text_of_a_camera_is_cut() -> None:
    assert len(drawn("exif", {"make": "x" * 9999}).camera or "") == 100
