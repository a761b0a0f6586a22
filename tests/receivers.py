"""A receiver of callbacks on loopback, as somebody would build one: it verifies with the official library."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from standardwebhooks import Webhook

Answer = int | tuple[int, Mapping[str, str]]


@dataclass(frozen=True)
class Call:
    """`headers` have lower-case names."""

    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    def verified(self, secret: str) -> Any:
        """What it says. Raises WebhookVerificationError."""
        return Webhook(secret).verify(self.body, dict(self.headers))


@dataclass
class Receiver:
    """`answer` says how to answer the call to a path, given how many came to it before."""

    port: int = 0
    calls: list[Call] = field(default_factory=list)
    answer: Callable[[str, int], Answer] = lambda _, __: 204
    release: threading.Event = field(default_factory=threading.Event)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def url(self, path: str) -> str:
        return f"http://{self.address}{path}"

    def to(self, path: str) -> list[Call]:
        return [call for call in self.calls if call.path == path]

    def wait(self, count: int, within: float = 20) -> list[Call]:
        """Every call, once there are so many."""
        end = time.monotonic() + within
        while len(self.calls) < count:
            assert time.monotonic() < end, f"{len(self.calls)} of {count} calls came within {within} s"
            time.sleep(0.02)
        return self.calls


@contextmanager
def receiver() -> Iterator[Receiver]:
    one = Receiver()
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            with lock:
                before = len(one.to(self.path))
                one.calls.append(Call(self.path, {name.lower(): value for name, value in self.headers.items()}, body))
            answer = one.answer(self.path, before)
            status, headers = answer if isinstance(answer, tuple) else (answer, {})
            if status == 0:  # hang up without a word
                self.close_connection = True
                return
            self.send_response(status)
            for name, value in {"Content-Length": "0", **headers}.items():
                self.send_header(name, value)
            self.end_headers()

        do_GET = do_POST

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    one.port = server.server_address[1]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield one
    finally:
        one.release.set()
        server.shutdown()
        server.server_close()
