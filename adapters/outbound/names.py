"""Names looked up as the machine itself does it: hosts file, search domains and all."""

import asyncio
import socket
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address

from adapters.outbound.addresses import Address
from adapters.outbound.failures import Unreachable

THREADS = 16


class SystemNames:
    """`getaddrinfo`, in threads of its own: a name server that hangs must not hold up the event loop's."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(THREADS, "names")

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def __call__(self, host: str) -> list[Address]:
        """Every address of `host`, in the order to try them. Raises Unreachable."""
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._threads, _addresses, host)
        except (OSError, UnicodeError):
            raise Unreachable("the host's name cannot be resolved") from None


def _addresses(host: str) -> list[Address]:
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return [ip_address(str(sockaddr[0])) for *_, sockaddr in found]
