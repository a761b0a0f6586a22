"""The verdict on where a connection goes: resolve, check, and dial exactly what was checked, each time anew.

One refused address among a name's answers refuses the name: a verdict that hung on the order of the answers would be
another one a second later, and a name that is public and private at once is a trap more often than a mistake.
"""

import socket
import ssl
from collections.abc import Awaitable, Callable, Sequence

import aiohttp
from aiohttp import AddrInfoType
from aiohttp.abc import AbstractResolver, ResolveResult

from adapters.outbound.addresses import Address, allowed
from adapters.outbound.failures import NotAllowed, Unreachable
from adapters.outbound.target import Target

MOST_HEADERS = 100
MOST_HEADER_BYTES = 8 * 1024

Resolve = Callable[[str], Awaitable[Sequence[Address]]]
"""A host's addresses; none where they are not known now."""


async def checked(target: Target, resolve: Resolve) -> Sequence[Address]:
    """The addresses that `target` may be dialled at. Raises NotAllowed and Unreachable."""
    literal = target.address
    found = [literal] if literal else await resolve(target.host)
    if not found:
        raise Unreachable("the host's name leads to no address")
    if not target.excepted and not all(map(allowed, found)):
        raise NotAllowed("the host is not at a public address")
    return found


def dialled(addresses: Sequence[Address], tls: ssl.SSLContext) -> aiohttp.ClientSession:
    """A client for one exchange, which can reach nothing but `addresses`: no proxy, no cookie, no second use."""
    pinned = _Pinned(addresses)
    connector = aiohttp.TCPConnector(
        resolver=pinned, socket_factory=pinned.open, use_dns_cache=False, force_close=True, ssl=tls
    )
    return aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=False,
        auto_decompress=False,
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
        max_headers=MOST_HEADERS,
        max_line_size=MOST_HEADER_BYTES,
        max_field_size=MOST_HEADER_BYTES,
    )


class _Pinned(AbstractResolver):
    """Answers every name with the checked addresses, and opens a socket for no other, whatever the client thinks of."""

    def __init__(self, addresses: Sequence[Address]) -> None:
        self._addresses = tuple(map(str, addresses))

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        return [
            ResolveResult(hostname=host, host=one, port=port, family=_family(one), proto=0, flags=socket.AI_NUMERICHOST)
            for one in self._addresses
        ]

    def open(self, about: AddrInfoType) -> socket.socket:
        family, kind, proto, _, where = about
        if where[0] not in self._addresses:
            raise PermissionError("not an address that was checked")
        return socket.socket(family, kind, proto)

    async def close(self) -> None:
        """There is nothing to close."""


def _family(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address else socket.AF_INET
