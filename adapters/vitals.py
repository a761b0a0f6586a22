"""`GET /livez`, `/readyz` and `/metrics` of a process that has no HTTP of its own, answered from a thread.

A thread would answer for a process that has stood still long since: so the event loop says now and then that it turns.
"""

import asyncio
import threading
import time
from http.server import ThreadingHTTPServer
from urllib.parse import urlsplit

from prometheus_client import MetricsHandler

PATHS = ("/livez", "/readyz", "/metrics")
TURN_SECONDS = 1.0
STILL_SECONDS = 60.0


class Vitals:
    """`turned` is when the loop turned last, by the monotonic clock; `begun` whether the process is at its work."""

    def __init__(self) -> None:
        self.turned = time.monotonic()
        self.begun = False

    def follow(self, loop: asyncio.AbstractEventLoop) -> None:
        self.turned = time.monotonic()
        loop.call_later(TURN_SECONDS, self.follow, loop)

    @property
    def alive(self) -> bool:
        return time.monotonic() - self.turned < STILL_SECONDS


VITALS = Vitals()
"""Of this process."""


def serve(address: str, vitals: Vitals = VITALS) -> ThreadingHTTPServer | None:
    """Answers at `host:port` until the process ends. Empty: nowhere. Raises OSError where nobody can listen there."""
    if not address:
        return None
    host, _, port = address.rpartition(":")
    server = _Server((host.strip("[]"), int(port)), type("Of", (_Answers,), {"vitals": vitals}))
    threading.Thread(target=server.serve_forever, name="vitals", daemon=True).start()
    return server


class _Server(ThreadingHTTPServer):
    daemon_threads = True


class _Answers(MetricsHandler):
    vitals: Vitals

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        if path == "/metrics":
            super().do_GET()
        elif path == "/livez":
            self._say(self.vitals.alive, "ok", "the event loop stands still")
        elif path == "/readyz":
            self._say(self.vitals.begun, "ready", "not at work yet")
        else:
            self.send_error(404)

    def _say(self, so: bool, well: str, otherwise: str) -> None:
        body = f"{well if so else otherwise}\n".encode()
        self.send_response(200 if so else 503)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
