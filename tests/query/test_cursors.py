"""A cursor fits the question it came from, untouched, and nothing else."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.problems import Problem
from services.query.cursors import decoded, encoded

QUESTION = ["admin", False, {"tag": ["sea"], "sort": "-created_at"}]
PLACE = [0, "2026-03-01T12:00:00Z", str(uuid4())]


def test_a_cursor_leads_back_to_its_place() -> None:
    cursor = encoded(PLACE, QUESTION)
    assert decoded(cursor, QUESTION) == PLACE
    assert set(cursor) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


def test_a_cursor_of_another_question_is_refused() -> None:
    with pytest.raises(Problem) as refused:
        decoded(encoded(PLACE, QUESTION), [*QUESTION[:2], {"tag": ["sand"], "sort": "-created_at"}])
    assert refused.value.type.slug == "invalid-request"


@given(st.text(max_size=200))
def test_no_text_that_is_no_cursor_is_taken_for_one(text: str) -> None:
    with pytest.raises(Problem):
        decoded(text, QUESTION)


@given(st.data())
def test_no_other_place_can_be_put_into_a_cursor(data: st.DataObject) -> None:
    raw = bytearray(urlsafe_b64decode(encoded(PLACE, QUESTION) + "=="))
    at = data.draw(st.integers(0, len(raw) - 1))
    raw[at] ^= data.draw(st.integers(1, 255))
    with pytest.raises(Problem) as refused:
        decoded(urlsafe_b64encode(raw).decode(), QUESTION)
    assert refused.value.type.status == 422
