"""Ranges, ETags, file names and forms, as headers say them."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.query.conditional import OutOfRange, Span, disposition, prefers_json, span, unchanged

ETAG = '"abc"'


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("bytes=0-0", Span(0, 0)),
        ("bytes=2-5", Span(2, 5)),
        ("bytes=7-", Span(7, 9)),
        ("bytes=-3", Span(7, 9)),
        ("bytes=-99", Span(0, 9)),
        ("bytes=5-99", Span(5, 9)),
        ("bytes=5-" + "9" * 4000, Span(5, 9)),
        ("BYTES = 1 - 2", Span(1, 2)),
    ],
)
def test_one_range_is_cut_to_the_bytes_there_are(asked: str, expected: Span) -> None:
    assert span(asked, None, ETAG, 10) == expected


@pytest.mark.parametrize(
    "asked",
    [None, "", "bytes", "bytes=", "bytes=-", "bytes=5-2", "bytes=a-b", "items=0-1", "bytes=0-1,4-5", "bytes=0x1-2"],
)
def test_what_is_not_one_range_asks_for_everything(asked: str | None) -> None:
    assert span(asked, None, ETAG, 10) is None


@pytest.mark.parametrize("asked", ["bytes=10-", "bytes=10-20", "bytes=-0", "bytes=" + "9" * 30 + "-"])
def test_a_range_beyond_the_end_is_refused(asked: str) -> None:
    with pytest.raises(OutOfRange):
        span(asked, None, ETAG, 10)


def test_a_range_of_other_bytes_than_one_has_is_not_answered() -> None:
    assert span("bytes=0-1", ETAG, ETAG, 10) == Span(0, 1)
    assert span("bytes=0-1", '"older"', ETAG, 10) is None
    assert span("bytes=0-1", f"W/{ETAG}", ETAG, 10) is None
    assert span("bytes=0-1", "Sat, 01 Mar 2026 12:00:00 GMT", ETAG, 10) is None


@pytest.mark.parametrize("header", ["*", ETAG, f"W/{ETAG}", f'"x", {ETAG}', f'W/"x",{ETAG}', '"a,b", "abc"'])
def test_bytes_that_the_client_has_are_not_sent_again(header: str) -> None:
    assert unchanged(header, ETAG)


@pytest.mark.parametrize("header", [None, "", "abc", '"ab"', '"abc', '"x"'])
def test_bytes_that_it_does_not_have_are(header: str | None) -> None:
    assert not unchanged(header, ETAG)


@given(st.text(max_size=60))
def test_no_file_name_breaks_out_of_its_header(name: str) -> None:
    header = disposition(name)
    assert header.isascii()
    assert header.isprintable()
    assert re.fullmatch(r"inline; filename=\"[^\"\\/%]+\"; filename\*=UTF-8''[A-Za-z0-9%._~-]+", header)


def test_a_file_name_is_shown_as_it_is_where_it_can_be() -> None:
    assert disposition("a b.jpg") == "inline; filename=\"a b.jpg\"; filename*=UTF-8''a%20b.jpg"
    assert disposition("Übersicht.png") == "inline; filename=\"_bersicht.png\"; filename*=UTF-8''%C3%9Cbersicht.png"
    assert disposition("../../etc/passwd") == "inline; filename=\"_.._etc_passwd\"; filename*=UTF-8''_.._etc_passwd"


@pytest.mark.parametrize("accept", ["application/json", "image/*;q=0.1, application/json", "application/*, image/png"])
def test_who_would_rather_have_json_gets_it(accept: str) -> None:
    assert prefers_json(accept, "image/jpeg")


@pytest.mark.parametrize(
    "accept",
    [
        None,
        "",
        "*/*",
        "image/*",
        "image/avif,image/webp,*/*;q=0.8",
        "application/json, text/plain, */*",
        "application/json;q=0",
        "application/json;q=nonsense",
        "text/html",
    ],
)
def test_everyone_else_gets_the_picture(accept: str | None) -> None:
    assert not prefers_json(accept, "image/jpeg")
