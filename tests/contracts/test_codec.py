"""Records that cannot be read are refused with their reason; what is written is CloudEvents."""

import pytest
from msgspec.structs import replace

from contracts.codec import decode, encode, read
from contracts.events import Record, Undecodable
from tests import events
from tests.events import cause, message, record, uid

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
GOOD = message(events.uploaded(uid("image"), title="Beach"), "upload")


def without(name: str) -> Record:
    return replace(record(GOOD), headers=tuple(header for header in GOOD.headers if header[0] != name))


def with_type(type_: str) -> Record:
    return replace(without("ce_type"), headers=(*without("ce_type").headers, ("ce_type", type_.encode())))


def with_body(body: bytes | None) -> Record:
    return replace(record(GOOD), value=body)


@pytest.mark.parametrize(
    ("unreadable", "reason"),
    [
        (with_body(None), "null-body"),
        (with_body(b""), "malformed"),
        (with_body(b"{"), "malformed"),
        (with_body(b"[]"), "malformed"),
        (with_body(b"\xff\xfe"), "malformed"),
        (with_body(b'{"image_id": 1}'), "malformed"),
        (with_body(GOOD.value.replace(b'"Beach"', b'"Be\\u0000ach"')), "malformed"),
        (with_body(GOOD.value.replace(b'"Beach"', b'"' + b"x" * 501 + b'"')), "malformed"),
        (with_body(b"[" * 100_000), "malformed"),
        (without("ce_type"), "missing-header"),
        (without("ce_id"), "missing-header"),
        (replace(record(GOOD), headers=()), "missing-header"),
        (replace(record(GOOD), headers=(*without("ce_id").headers, ("ce_id", b"7"))), "malformed"),
        (replace(record(GOOD), headers=(*without("ce_time").headers, ("ce_time", b"noon"))), "malformed"),
        (replace(record(GOOD), headers=(*GOOD.headers, ("junk", b"\xff"))), "malformed"),
        (with_type("framelog.image.painted.v1"), "unknown-type"),
        (with_type("nothing"), "unknown-type"),
        (with_type("framelog.image.uploaded.v2"), "newer-version"),
        (replace(record(GOOD), topic="framelog.analyses"), "unknown-type"),
        (replace(record(GOOD), key=b"other"), "wrong-key"),
        (replace(record(GOOD), key=None), "wrong-key"),
    ],
)
def test_an_unreadable_record_says_why(unreadable: Record, reason: str) -> None:
    with pytest.raises(Undecodable) as refused:
        decode(unreadable)
    assert refused.value.reason == reason
    assert refused.value.position == unreadable.position


def test_an_event_comes_back_as_it_went() -> None:
    event = events.updated(uid("image"), changes={"title": None, "tags": ("a", "b")})
    sent = cause("edit", request_id=uid("request"), causation_id=uid("before"), traceparent=TRACE)
    recorded = decode(record(encode(event, sent), offset=7))
    assert (recorded.event, recorded.cause, recorded.position.offset) == (event, sent, 7)


@pytest.mark.parametrize("given", ["", "00-1-2-01", f"{TRACE}\x00", TRACE.upper()])
def test_what_is_no_traceparent_is_left_out(given: str) -> None:
    sent = replace(cause("edit"), traceparent=given)
    assert decode(record(encode(events.updated(uid("image")), sent))).cause.traceparent is None


def test_a_backslash_before_u0000_is_not_the_character() -> None:
    event = events.uploaded(uid("image"), title="a\\u0000")
    assert decode(record(message(event))).event == event


def test_text_with_the_character_nul_is_refused_before_it_is_written() -> None:
    with pytest.raises(ValueError, match=r"U\+0000"):
        message(events.uploaded(uid("image"), title="a\x00"))


def test_a_message_is_a_cloudevent() -> None:
    headers = dict(GOOD.headers)
    assert headers["ce_specversion"] == b"1.0"
    assert headers["ce_subject"] == GOOD.key
    assert headers["content-type"] == b"application/json"


def test_a_stored_body_is_read_by_its_type() -> None:
    assert read("framelog.image.uploaded.v1", GOOD.value).title == "Beach"
