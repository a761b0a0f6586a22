"""A server of pictures on loopback: whatever is asked for is there, and at each path another one."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from zlib import crc32

from tests.pictures import photograph


@dataclass(frozen=True)
class Site:
    port: int

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"


def picture_at(path: str) -> bytes:
    """What lies at a path."""
    return photograph(160, 120, seed=crc32(path.encode()))


@contextmanager
def site() -> Iterator[Site]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            picture = picture_at(self.path)
            self.send_response(200)
            self.send_header("Content-Length", str(len(picture)))
            self.end_headers()
            self.wfile.write(picture)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield Site(server.server_address[1])
    finally:
        server.shutdown()
        server.server_close()
