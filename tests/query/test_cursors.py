"""A cursor fits the question it came from, untouched, and nothing else."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.problems import Problem
from services.query.cursors import decoded, encoded

QUESTION = ["admin", False, {"tag": ["sea"], "sort": "-created_at"}]
IMAGE = "5f0c2a54-4c0e-5f61-9d53-0d2f5a7b6c11"
PLACE = [0, "2026-03-01T12:00:00Z", IMAGE]
TYPES = ("int", "timestamptz", "uuid")


def test_a_cursor_leads_back_to_its_place() -> None:
    cursor = encoded(PLACE, QUESTION)
    assert decoded(cursor, QUESTION, TYPES) == [0, datetime(2026, 3, 1, 12, tzinfo=UTC), UUID(IMAGE)]
    assert set(cursor) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


def test_a_cursor_of_another_question_is_refused() -> None:
    with pytest.raises(Problem) as refused:
        decoded(encoded(PLACE, QUESTION), [*QUESTION[:2], {"tag": ["sand"], "sort": "-created_at"}], TYPES)
    assert refused.value.type.slug == "invalid-request"


@given(st.text(max_size=200))
def test_no_text_that_is_no_cursor_is_taken_for_one(text: str) -> None:
    with pytest.raises(Problem):
        decoded(text, QUESTION, TYPES)


@given(st.data())
def test_no_other_place_can_be_put_into_a_cursor(data: st.DataObject) -> None:
    raw = bytearray(urlsafe_b64decode(encoded(PLACE, QUESTION) + "=="))
    at = data.draw(st.integers(0, len(raw) - 1))
    raw[at] ^= data.draw(st.integers(1, 255))
    with pytest.raises(Problem) as refused:
        decoded(urlsafe_b64encode(raw).decode(), QUESTION, TYPES)
    assert refused.value.type.status == 422


@pytest.mark.parametrize(
    "place",
    [
        *([], {}, "x", None, 5, [0], [*PLACE, 1], [None] * 3, [-1, *PLACE[1:]], [2**31, *PLACE[1:]], ["0", *PLACE[1:]]),
        *([0, when, IMAGE] for when in ("now", 5, None, "2026-03-01", "2026-03-01T12:00:00", {}, [])),
        *([0, PLACE[1], which] for which in ("x", 5, None, [IMAGE])),
    ],
)
def test_what_is_no_place_is_refused_though_its_seal_is_right(place: Any) -> None:
    with pytest.raises(Problem) as refused:
        decoded(encoded(place, QUESTION), QUESTION, TYPES)
    assert refused.value.type.slug == "invalid-request"


@pytest.mark.parametrize(("value", "type_"), [("a\0b", "text"), ("x" * 101, "text"), (2**63, "int8"), (True, "int8")])
def test_what_postgres_would_not_take_is_no_place(value: Any, type_: str) -> None:
    with pytest.raises(Problem):
        decoded(encoded([value], QUESTION), QUESTION, (type_,))


@pytest.mark.parametrize(("value", "type_"), [("anna", "text"), (2**63 - 1, "int8"), (0, "int8"), (2**31 - 1, "int")])
def test_what_postgres_takes_comes_back_as_it_was(value: Any, type_: str) -> None:
    assert decoded(encoded([value], QUESTION), QUESTION, (type_,)) == [value]
