"""Spans of a trace that goes through the whole house: from a request by the log to all that follows from it.

Where a trace goes on is data, the `traceparent` of each event's cause (W3C Trace Context), and no context of a task: a
batch has many. Until `record` is called no span is made, nothing is imported for them, and what a caller gave as its
own place in its trace is passed on as it came.
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

from contracts.events import Position

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
    from opentelemetry.trace import Span, Tracer

EXPORT_SECONDS = 5.0
Kind = Literal["SERVER", "CLIENT", "PRODUCER", "CONSUMER"]
Attributes = Mapping[str, str | int]

_tracer: "Tracer | None" = None
_provider: "TracerProvider | None" = None


class Passed:
    """No span of ours: `traceparent` is the caller's own."""

    def __init__(self, traceparent: str | None) -> None:
        self.traceparent = traceparent

    def say(self, name: str, attributes: Attributes) -> None:
        """Name the span after what it came to be, and add what is known by now."""


class Recording(Passed):
    """`traceparent` is where what follows from this span goes on."""

    def __init__(self, span: "Span") -> None:
        at = span.get_span_context()
        super().__init__(f"00-{at.trace_id:032x}-{at.span_id:016x}-{at.trace_flags:02x}")
        self._span = span

    def say(self, name: str, attributes: Attributes) -> None:
        self._span.update_name(name)
        self._span.set_attributes(attributes)


def record(service: str, processor: "SpanProcessor") -> None:
    """From now on spans of this process are made, as its `service`, and given to `processor`. The variables OTEL_*
    of OpenTelemetry say how many are sampled, and of what resource they are."""
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider

    global _tracer, _provider
    _provider = TracerProvider(resource=Resource.create({"service.namespace": "framelog", "service.name": service}))
    _provider.add_span_processor(processor)
    _tracer = _provider.get_tracer("framelog")


def export(service: str, address: str) -> None:
    """Spans go to the collector at an http(s) `address`, by OTLP, from a thread. Empty: nowhere."""
    if not address:
        return
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    exporter = OTLPSpanExporter(f"{address.rstrip('/')}/v1/traces", timeout=EXPORT_SECONDS)
    record(service, BatchSpanProcessor(exporter))


def end() -> None:
    """What was made and not yet sent is sent, as far as that takes no longer than a moment."""
    if _provider is not None:
        _provider.shutdown()


@contextmanager
def span(name: str, kind: Kind, parent: str | None, attributes: Attributes) -> Iterator[Passed]:
    """What is done inside it. An exception is told by its type alone: its text may hold what nobody else is to read."""
    if _tracer is None:
        yield Passed(parent)
        return
    made = _start(_tracer, name, kind, parent, attributes)
    try:
        yield Recording(made)
    except Exception as error:
        _failed(made, error)
        raise
    finally:
        made.end()


def past(name: str, kind: Kind, parent: str | None, attributes: Attributes, began: int) -> None:
    """A span that is over: it `began` at a time in nanoseconds since 1970."""
    if _tracer is not None:
        _start(_tracer, name, kind, parent, attributes, began).end()


def recording() -> bool:
    return _tracer is not None


def trace_of(traceparent: str | None) -> str | None:
    """The id of the trace, 32 hexadecimal digits."""
    return traceparent.split("-")[1] if traceparent else None


def consumed(at: Position, by: str) -> Attributes:
    """A record that a consumer has read, by OpenTelemetry's names for messaging."""
    return {
        "messaging.system": "kafka",
        "messaging.consumer.group.name": by,
        "messaging.destination.name": at.topic,
        "messaging.destination.partition.id": str(at.partition),
        "messaging.kafka.offset": at.offset,
    }


def _start(
    tracer: "Tracer", name: str, kind: Kind, parent: str | None, attributes: Attributes, began: int | None = None
) -> "Span":
    from opentelemetry.trace import SpanKind

    return tracer.start_span(
        name, _context(parent), SpanKind[kind], attributes=attributes, start_time=began or time.time_ns()
    )


def _context(parent: str | None) -> "Context":
    """Empty for a trace that begins here, never the context of the task."""
    from opentelemetry.context import Context
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    return TraceContextTextMapPropagator().extract({"traceparent": parent} if parent else {}, Context())


def _failed(made: "Span", error: Exception) -> None:
    from opentelemetry.trace import StatusCode

    made.set_attribute("error.type", type(error).__qualname__)
    made.set_status(StatusCode.ERROR)
