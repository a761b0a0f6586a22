"""Spans go on where a `traceparent` says, and tell nothing that somebody else must not read."""

from collections.abc import Iterator

import pytest
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from adapters import tracing
from adapters.tracing import past, record, span, trace_of
from contracts.events import TRACEPARENT

GIVEN = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
UNSAMPLED = GIVEN[:-1] + "0"


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    for name in ("_tracer", "_provider"):
        monkeypatch.setattr(tracing, name, None)
    exporter = InMemorySpanExporter()
    record("tests", SimpleSpanProcessor(exporter))
    yield exporter
    tracing.end()


def test_what_follows_from_a_span_is_its_child(made: InMemorySpanExporter) -> None:
    with span("outer", "SERVER", None, {}) as outer:
        assert outer.traceparent
        assert TRACEPARENT.fullmatch(outer.traceparent)
        with span("inner", "PRODUCER", outer.traceparent, {"messaging.system": "kafka"}):
            pass
    past("later", "CONSUMER", outer.traceparent, {}, began=5)
    inner, around, later = made.get_finished_spans()
    assert around.parent is None
    assert {one.parent and one.parent.span_id for one in (inner, later)} == {around.context.span_id}
    assert {one.context.trace_id for one in (inner, around, later)} == {int(trace_of(outer.traceparent) or "", 16)}
    assert (inner.kind, dict(inner.attributes or {})) == (SpanKind.PRODUCER, {"messaging.system": "kafka"})
    assert later.start_time == 5
    assert around.resource.attributes["service.name"] == "tests"


def test_a_callers_trace_is_gone_on_with(made: InMemorySpanExporter) -> None:
    with span("request", "SERVER", GIVEN, {}) as here:
        here.say("POST /v1/images", {"http.response.status_code": 201})
    (one,) = made.get_finished_spans()
    assert f"{one.context.trace_id:032x}" == trace_of(GIVEN) == trace_of(here.traceparent)
    assert one.parent is not None
    assert f"{one.parent.span_id:016x}" == GIVEN.split("-")[2]
    assert (one.name, dict(one.attributes or {})) == ("POST /v1/images", {"http.response.status_code": 201})


def test_who_decided_against_recording_is_heeded(made: InMemorySpanExporter) -> None:
    with span("request", "SERVER", UNSAMPLED, {}) as here:
        pass
    assert made.get_finished_spans() == ()
    assert here.traceparent
    assert here.traceparent.endswith("-00")


def test_an_exception_is_told_by_its_type_alone(made: InMemorySpanExporter) -> None:
    with pytest.raises(ValueError, match="secret"), span("work", "CONSUMER", None, {}):
        raise ValueError("secret")
    (one,) = made.get_finished_spans()
    assert (one.status.status_code, one.attributes and one.attributes["error.type"]) == (StatusCode.ERROR, "ValueError")
    assert "secret" not in one.to_json()


@pytest.mark.parametrize("given", [None, GIVEN, UNSAMPLED])
def test_with_nobody_to_tell_the_callers_place_is_passed_on(given: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracing, "_tracer", None)
    with span("request", "SERVER", given, {}) as here:
        here.say("another", {})
    past("later", "CONSUMER", given, {}, began=1)
    assert here.traceparent == given
