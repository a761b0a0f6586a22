"""The command line, run as a user runs it; and a server on loopback that fails in the ways a real one seldom will."""

import asyncio
import fcntl
import hashlib
import json
import os
import pty
import re
import socket
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Literal
from uuid import NAMESPACE_URL, uuid5

Fault = Literal["none", "busy", "reset", "hang", "refuse", "unauthenticated"]


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str

    @property
    def documents(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.splitlines()]


@dataclass(frozen=True)
class Terminal:
    """A user's own directory, and the API that their commands speak to."""

    home: Path
    url: str

    async def run(self, *arguments: object) -> Ran:
        process = await self.start(*arguments)
        out, err = await process.communicate()
        assert process.returncode is not None
        return Ran(process.returncode, out.decode(), err.decode())

    async def start(self, *arguments: object) -> asyncio.subprocess.Process:
        pipe = asyncio.subprocess.PIPE
        return await asyncio.create_subprocess_exec(
            *command(*arguments), env=self.environment(), stdin=asyncio.subprocess.DEVNULL, stdout=pipe, stderr=pipe
        )

    async def on_screen(self, *arguments: object, columns: int = 120) -> tuple[int, str]:
        environment = self.environment() | {"TERM": "xterm-256color", "COLORTERM": "truecolor"}
        return await asyncio.to_thread(on_a_terminal, command(*arguments), environment, columns)

    def environment(self) -> dict[str, str]:
        bare = {name: value for name, value in os.environ.items() if not name.startswith("FRAMELOG_")}
        return bare | {"FRAMELOG_HOME": str(self.home), "FRAMELOG_URL": self.url, "XDG_STATE_HOME": str(self.home)}


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-c", "from cli.main import main; main()", *map(str, arguments)]


@dataclass
class Faulty:
    """Takes images as the API does, but for the next faults of its list. `keys` are Idempotency-Keys, `times` when.

    `asked` are the GETs that it answered with an empty list.
    """

    faults: list[Fault] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    images: dict[str, dict[str, Any]] = field(default_factory=dict)
    hanging: threading.Event = field(default_factory=threading.Event)
    url: str = ""

    def next_fault(self) -> Fault:
        return self.faults.pop(0) if self.faults else "none"

    def take(self, key: str, body: bytes) -> dict[str, Any]:
        """The image of a form's file; one per key."""
        return self.images.setdefault(key, {"id": str(uuid5(NAMESPACE_URL, key)), **_described(body)})


def _described(form: bytes) -> dict[str, Any]:
    found = re.search(rb'name="file".*?\r\n\r\n(.*?)\r\n--', form, re.DOTALL)
    assert found
    return {"sha256": hashlib.sha256(found[1]).hexdigest(), "size": len(found[1]), "analysis": {"status": "queued"}}


@contextmanager
def faulty(*faults: Fault) -> Iterator[Faulty]:
    """A server whose next POSTs meet these faults."""
    state = Faulty(list(faults))
    handler = type("Bound", (Handler,), {"state": state})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        state.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield state
        finally:
            server.shutdown()
            thread.join()


class Handler(BaseHTTPRequestHandler):
    """One connection; each fault is the method of its name."""

    protocol_version = "HTTP/1.1"
    state: Faulty

    def do_GET(self) -> None:
        self.state.asked.append(self.path)
        self.answer(200, {"items": [], "next": None})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.state.times.append(time.monotonic())
        self.state.keys.append(self.headers["Idempotency-Key"])
        getattr(self, self.state.next_fault())(body)

    def none(self, body: bytes) -> None:
        self.answer(201, self.state.take(self.state.keys[-1], body))

    def busy(self, body: bytes) -> None:
        self.answer(503, {"type": "/problems/unavailable", "detail": "too much at once"}, {"Retry-After": "1"})

    def refuse(self, body: bytes) -> None:
        self.answer(415, {"type": "/problems/unsupported-media-type", "detail": "these bytes are no image"})

    def unauthenticated(self, body: bytes) -> None:
        self.answer(401, {"type": "/problems/unauthenticated", "detail": "log in first"})

    def reset(self, body: bytes) -> None:
        """What it took is kept, and nobody is told."""
        self.state.take(self.state.keys[-1], body)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.close_connection = True

    def hang(self, body: bytes) -> None:
        self.state.take(self.state.keys[-1], body)
        self.state.hanging.set()
        self.connection.recv(1)  # until the client is gone
        self.close_connection = True

    def answer(self, status: int, body: dict[str, Any], headers: dict[str, str] | None = None) -> None:
        encoded = json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"Content-Length": str(len(encoded)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(encoded)

    def log_message(self, format: str, *args: object) -> None:
        pass


def on_a_terminal(arguments: Sequence[str], environment: Mapping[str, str], columns: int = 120) -> tuple[int, str]:
    """Exit code and screen of a command whose stdin, stdout and stderr are a terminal that answers no questions."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    with subprocess.Popen(arguments, env=environment, stdin=theirs, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        screen = b"".join(_read(ours))
    os.close(ours)
    return process.returncode, screen.decode()


def _read(descriptor: int) -> Iterator[bytes]:
    with suppress(OSError):  # how Linux says that nobody writes to a terminal any more
        while part := os.read(descriptor, 65_536):
            yield part
