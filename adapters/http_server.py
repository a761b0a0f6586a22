"""uvicorn as we run it: patient with no one who is slow to say what they want, and every refusal a problem."""

import asyncio
import socket
from collections.abc import Callable, Sequence
from ipaddress import IPv4Network, IPv6Network

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from adapters.edge import uuid7
from adapters.memory import keep_freed
from adapters.problem_json import MEDIA_TYPE, rendered
from contracts.problems import Problem

HEAD_SECONDS = 30.0
HEAD_BYTES = 64 * 1024
KEEP_ALIVE_SECONDS = 65
DRAIN_SECONDS = 10
KEPT_BYTES = 64 * 1024 * 1024


def server(
    app: ASGIApp,
    host: str,
    port: int,
    ending: Callable[[], None] | None = None,
    trusted: Sequence[IPv4Network | IPv6Network] = (),
) -> uvicorn.Server:
    """A server that drains its requests when told to stop. Port 0 lets the system choose.

    `ending` is called before it waits for them: what would answer for ever comes to its end. Of `trusted` proxies alone
    X-Forwarded-For and X-Forwarded-Proto are believed.
    """
    keep_freed(KEPT_BYTES)
    return Server(
        ending,
        uvicorn.Config(
            app,
            host=host,
            port=port,
            loop="uvloop",
            http=Protocol,
            ws="none",
            lifespan="on",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=bool(trusted),
            forwarded_allow_ips=[str(one) for one in trusted],
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=DRAIN_SECONDS,
        ),
    )


class Server(uvicorn.Server):
    """Says that it ends before it waits for what is under way."""

    def __init__(self, ending: Callable[[], None] | None, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._ending = ending

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        if self._ending:
            self._ending()
        await super().shutdown(sockets)


class Protocol(HttpToolsProtocol):
    """A connection. The head of a request, which uvicorn waits for without end, must come in 30 s and 64 KiB."""

    _head_bytes = 0
    _head_deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._await_head(transport.close)

    def connection_lost(self, exc: Exception | None) -> None:
        self._have_head()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._await_head(self._refuse_late)

    def on_headers_complete(self) -> None:
        self._have_head()
        super().on_headers_complete()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._head_deadline is not None:
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_BYTES:
                self._refuse(Problem("malformed-request", f"The headers have more than {HEAD_BYTES:,} bytes."))

    def send_400_response(self, msg: str) -> None:
        self._refuse(Problem("malformed-request", msg))

    def _await_head(self, otherwise: Callable[[], None]) -> None:
        self._have_head()
        self._head_deadline = self.loop.call_later(HEAD_SECONDS, otherwise)

    def _have_head(self) -> None:
        self._head_bytes = 0
        if self._head_deadline is not None:
            self._head_deadline.cancel()
            self._head_deadline = None

    def _refuse_late(self) -> None:
        self._refuse(Problem("request-timeout", f"The headers took more than {HEAD_SECONDS:.0f} s."))

    def _refuse(self, problem: Problem) -> None:
        """Answers beside the application, which has not seen this request, and hangs up."""
        self._have_head()
        request_id = str(uuid7())
        body = rendered(problem, "/", request_id)
        self.transport.write(
            f"HTTP/1.1 {problem.type.status} \r\ncontent-type: {MEDIA_TYPE}\r\ncontent-length: {len(body)}\r\n"
            f"x-request-id: {request_id}\r\nconnection: close\r\n\r\n".encode()
            + body
        )
        self.transport.close()
