"""An answer's body, and what may be wrong with an answer."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import aiohttp
from aiohttp.http import HttpProcessingError

from adapters.outbound.failures import BadAnswer, OutboundFailed, TooLarge, Unreachable
from adapters.outbound.patience import Patience

HEARD_OUT_BYTES = 4 * 1024
HEARD_OUT_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Download:
    """An answer whose body is still to come."""

    _response: aiohttp.ClientResponse
    _max_bytes: int
    _patience: Patience

    @property
    def status(self) -> int:
        return self._response.status

    @property
    def headers(self) -> Mapping[str, str]:
        """Found whatever the case of their names. What they declare is the peer's word, no fact."""
        return self._response.headers

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body, once. Raises TooLarge after at most `max_bytes`, BadAnswer and Unreachable.

        Whoever has not seen the end of it has not seen a whole body.
        """
        self._check_head()
        connection = self._response.connection
        protocol = connection and connection.protocol  # the response forgets both when its body ends
        size = 0
        with named():
            while chunk := await self._patience.wait(self._response.content.readany()):
                size += len(chunk)
                if size > self._max_bytes:
                    raise TooLarge(f"it sends more than {self._max_bytes} bytes")
                yield chunk
        if protocol is not None and isinstance(protocol.exception(), HttpProcessingError):
            raise BadAnswer("it sends more bytes than it said")

    def _check_head(self) -> None:
        """Bytes are taken as they are. We ask for no compression; who compresses all the same may be packing a bomb."""
        if self.headers.get("Content-Encoding", "identity").strip().lower() != "identity":
            raise BadAnswer("it compresses its answer though it was asked not to")
        if self.headers.get("Transfer-Encoding", "chunked").strip().lower() != "chunked":
            raise BadAnswer("it encodes its answer in a way nobody asked for")
        if (self._response.content_length or 0) > self._max_bytes:
            raise TooLarge(f"it has more than {self._max_bytes} bytes to send")


async def hear_out(response: aiohttp.ClientResponse) -> None:
    """Lets the peer finish a short answer, so that it sees no broken connection. Its status is known and stands."""
    size = 0
    with suppress(TimeoutError, aiohttp.ClientError):
        async with asyncio.timeout(HEARD_OUT_SECONDS):
            while size < HEARD_OUT_BYTES and (chunk := await response.content.readany()):
                size += len(chunk)


@contextmanager
def named() -> Iterator[None]:
    """What the client raises, in one line without addresses."""
    try:
        yield
    except aiohttp.ClientError as error:
        raise _named(error) from None


def _named(error: aiohttp.ClientError) -> OutboundFailed:
    match error:
        case aiohttp.ClientConnectorCertificateError():
            return Unreachable("its certificate is not valid for this host")
        case aiohttp.ClientSSLError():
            return Unreachable("no TLS could be agreed on with it")
        case aiohttp.ClientConnectorError():
            return Unreachable("it takes no connection")
        case aiohttp.ClientResponseError():
            return BadAnswer("its answer is no proper HTTP")
        case _:
            return Unreachable("it breaks off before its answer is whole")
