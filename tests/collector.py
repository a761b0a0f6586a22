"""An OpenTelemetry collector on loopback: spans as they are exported, by OTLP over HTTP."""

import gzip
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


@dataclass(frozen=True)
class Span:
    """Ids are hexadecimal; `parent` is empty where a trace begins."""

    service: str
    name: str
    trace: str
    id: str
    parent: str
    failed: bool


@dataclass
class Collector:
    url: str = ""
    spans: list[Span] = field(default_factory=list)

    def wait(self, enough: Callable[[list[Span]], bool], within: float = 20) -> list[Span]:
        """Every span that came, once they are enough."""
        end = time.monotonic() + within
        while not enough(self.spans):
            assert time.monotonic() < end, f"within {within} s there came {self.spans}"
            time.sleep(0.05)
        return list(self.spans)


@contextmanager
def collector() -> Iterator[Collector]:
    one = Collector()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            if self.path == "/v1/traces":
                one.spans.extend(_spans(body))
            self.send_response(200 if self.path == "/v1/traces" else 404)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    one.url = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield one
    finally:
        server.shutdown()
        server.server_close()


def _spans(body: bytes) -> Iterator[Span]:
    for of_resource in ExportTraceServiceRequest.FromString(body).resource_spans:
        about = {one.key: one.value.string_value for one in of_resource.resource.attributes}
        for span in (span for scope in of_resource.scope_spans for span in scope.spans):
            yield Span(
                service=about["service.name"],
                name=span.name,
                trace=span.trace_id.hex(),
                id=span.span_id.hex(),
                parent=span.parent_span_id.hex(),
                failed=span.status.code == span.status.STATUS_CODE_ERROR,
            )
