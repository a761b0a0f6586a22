"""HTTP to addresses that users name."""

import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from urllib.parse import urljoin

import aiohttp
from yarl import URL

from adapters.outbound.dialler import Resolve, checked, dialled
from adapters.outbound.failures import BadAnswer, NotAllowed, Unreachable
from adapters.outbound.names import SystemNames
from adapters.outbound.patience import Patience
from adapters.outbound.reading import Download, hear_out, named
from adapters.outbound.target import HostPort, Target, check_url

REDIRECTS = 3
REDIRECTING = {301, 302, 303, 307, 308}
COURTESY_SECONDS = 2.0
HEADERS = {"User-Agent": "framelog", "Accept-Encoding": "identity", "Connection": "close"}


@dataclass(frozen=True, slots=True)
class Answer:
    """`headers` are found whatever the case of their names."""

    status: int
    headers: Mapping[str, str]


class Outbound:
    """Calls public addresses and the `exceptions`, nothing else, each call on a connection of its own.

    There is nothing to open or to close. Its methods raise NotAllowed, Unreachable and BadAnswer. A status is no
    failure: 404 and 500 are answers.
    """

    def __init__(
        self,
        exceptions: frozenset[HostPort] = frozenset(),
        *,
        tls: ssl.SSLContext | None = None,
        resolve: Resolve | None = None,
    ) -> None:
        self._exceptions = exceptions
        self._tls = tls or ssl.create_default_context()
        self._resolve = resolve or SystemNames()

    async def courtesy(self, url: str) -> None:
        """Raises NotAllowed for what is not allowed now. No verdict: the one who dials looks again."""
        target = check_url(url, self._exceptions)
        with suppress(Unreachable):
            await Patience(COURTESY_SECONDS).wait(checked(target, self._resolve))

    @asynccontextmanager
    async def get(self, url: str, max_bytes: int, seconds: float) -> AsyncIterator[Download]:
        """The answer behind at most 3 redirects. `seconds` are all that is waited for, body included."""
        patience = Patience(seconds)
        target = check_url(url, self._exceptions)
        for _ in range(1 + REDIRECTS):
            async with self._exchange("GET", target, patience) as response:
                if response.status not in REDIRECTING or "Location" not in response.headers:
                    yield Download(response, max_bytes, patience)
                    return
                target = self._next(target, response.headers["Location"])
        raise BadAnswer(f"it redirects more than {REDIRECTS} times")

    async def post(self, url: str, body: bytes, headers: Mapping[str, str], seconds: float) -> Answer:
        """The answer's head. Redirects are answers like others; of a body, some is read and thrown away."""
        target = check_url(url, self._exceptions)
        async with self._exchange("POST", target, Patience(seconds), body, headers) as response:
            await hear_out(response)
            return Answer(response.status, response.headers)

    @asynccontextmanager
    async def _exchange(
        self,
        method: str,
        target: Target,
        patience: Patience,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """An answer's head on a connection of its own, which ends with the block."""
        addresses = await patience.wait(checked(target, self._resolve))
        url = URL(target.url, encoded=True)
        said = {**(headers or {}), **HEADERS}
        async with dialled(addresses, self._tls) as session:
            with named():
                response = await patience.wait(
                    session.request(method, url, data=body, headers=said, allow_redirects=False)
                )
            async with response:
                yield response

    def _next(self, target: Target, location: str) -> Target:
        try:
            return check_url(_joined(target.url, location), self._exceptions)
        except NotAllowed as error:
            raise NotAllowed(f"it redirects to where it may not: {error}") from None


def _joined(url: str, location: str) -> str:
    try:
        return urljoin(url, location)
    except ValueError:
        raise NotAllowed("the address cannot be read") from None
