"""Events to Kafka records and back: CloudEvents 1.0, Kafka binary mode (cloudevents/spec, kafka-protocol-binding §3.2).

msgspec writes, reads and validates. Writing is closed; reading ignores fields it does not know.
"""

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, cast
from uuid import UUID

import msgspec
import orjson

from contracts.dead_letters import AboutRecord
from contracts.events import TRACEPARENT, Cause, Message, Record, Recorded, Undecodable
from contracts.topics import TOPICS, Topic

Event = Any
Body = dict[str, Any]

TOPIC_OF: Mapping[type, Topic] = {event: topic for topic in TOPICS for event in topic.events.values()}
TYPE_OF: Mapping[type, str] = {event: name for topic in TOPICS for name, event in topic.events.items()}

# Old type → (next type, pure change of the body). Followed until the type is one that `topics` knows.
UPCASTERS: dict[str, tuple[str, Callable[[Body], Body]]] = {}

_CURRENT: Mapping[str, tuple[type, msgspec.json.Decoder[Any]]] = {
    name: (event, msgspec.json.Decoder(event)) for topic in TOPICS for name, event in topic.events.items()
}
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
_VERSIONED = re.compile(r"(?P<name>.+)\.v(?P<version>[0-9]+)")


def encode(event: Event, cause: Cause) -> Message:
    """The record to produce for an event, keyed by its aggregate. Raises ValueError for text that no body may hold."""
    type_, key, body = TYPE_OF[type(event)], key_of(event), msgspec.json.encode(event)
    _refuse_nul(body)
    headers = {
        "ce_id": str(cause.event_id),
        "ce_source": f"/framelog/{cause.source}",
        "ce_specversion": "1.0",
        "ce_type": type_,
        "ce_time": cause.time.isoformat(),
        "ce_dataschema": f"/schemas/{type_}.json",
        "ce_subject": key.decode(errors="replace"),
        "content-type": "application/json",
        "ce_causationid": str(cause.causation_id) if cause.causation_id else None,
        "ce_requestid": str(cause.request_id) if cause.request_id else None,
        "traceparent": cause.traceparent,
    }
    return Message(
        topic=TOPIC_OF[type(event)].name,
        key=key,
        value=body,
        headers=tuple((name, value.encode()) for name, value in headers.items() if value is not None),
    )


def decode(record: Record, time: datetime | None = None) -> Recorded[Event]:
    """The event in a record. Raises Undecodable, with the reason, for what no retry will make readable.

    `time` is the partition's running maximum of append times, where the reader keeps one; else the record's own.
    """
    if record.value is None:
        raise Undecodable("null-body", "the record is a tombstone", record.position)
    try:
        headers = {name: value.decode() for name, value in record.headers}
        type_, cause = headers["ce_type"], _cause(headers)
    except KeyError as missing:
        raise Undecodable("missing-header", f"no header {missing}", record.position) from None
    except ValueError as error:
        raise Undecodable("malformed", f"headers: {error}", record.position) from error
    try:
        type_, data = _upcast(type_, record)
        _refuse_nul(data)
        event = _CURRENT[type_][1].decode(data)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise Undecodable("malformed", f"body: {error}", record.position) from error
    if TOPIC_OF[type(event)].name != record.topic:
        raise Undecodable("unknown-type", f"{type_} does not belong on {record.topic}", record.position)
    if key_of(event) != (record.key or b""):
        raise Undecodable("wrong-key", f"the event belongs under key {key_of(event)!r}", record.position)
    return Recorded(event=event, type=type_, cause=cause, position=record.position, time=time or record.time)


def read(type_: str, body: bytes) -> Event:
    """The event in a body that was decoded before, as the table `events` keeps it."""
    return _CURRENT[type_][1].decode(body)


def key_of(event: Event) -> bytes:
    """The key that orders an event: its aggregate's id, or for a dead letter the key of the record it holds."""
    if isinstance(event, AboutRecord):
        return event.raw_key()
    return str(getattr(event, TOPIC_OF[type(event)].key)).encode()


def _refuse_nul(body: bytes) -> None:
    """Postgres can store U+0000 neither as text nor as jsonb, so no event may hold it."""
    if b"\\" in body and _NUL.search(body):
        raise ValueError("text holds the character U+0000")


def _cause(headers: Mapping[str, str]) -> Cause:
    return Cause(
        event_id=UUID(headers["ce_id"]),
        source=headers["ce_source"].removeprefix("/framelog/"),
        time=datetime.fromisoformat(headers["ce_time"]),
        request_id=UUID(headers["ce_requestid"]) if "ce_requestid" in headers else None,
        causation_id=UUID(headers["ce_causationid"]) if "ce_causationid" in headers else None,
        traceparent=given if TRACEPARENT.fullmatch(given := headers.get("traceparent", "")) else None,
    )


def _upcast(type_: str, record: Record) -> tuple[str, bytes]:
    data = cast(bytes, record.value)
    if type_ in _CURRENT:
        return type_, data
    if type_ not in UPCASTERS:
        raise _unreadable(type_, record)
    body = orjson.loads(data)
    while type_ not in _CURRENT:
        type_, change = UPCASTERS[type_]
        body = change(body)
    return type_, orjson.dumps(body)


def _unreadable(type_: str, record: Record) -> Undecodable:
    """Newer code will read a newer version of a known event; a type nobody knows may never be read."""
    asked = _VERSIONED.fullmatch(type_)
    known = {found["name"] for name in _CURRENT if (found := _VERSIONED.fullmatch(name))}
    if asked and asked["name"] in known:
        return Undecodable("newer-version", f"{type_} is newer than this code", record.position)
    return Undecodable("unknown-type", f"nothing here knows {type_}", record.position)
