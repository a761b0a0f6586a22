"""Names looked up as the machine itself does it: hosts file, search domains and all."""

import asyncio
import socket
from contextlib import suppress
from ipaddress import ip_address
from threading import Thread

from adapters.outbound.addresses import Address

THREADS = 16


class SystemNames:
    """`getaddrinfo`, which blocks for as long as a name server is silent, and which nothing can stop.

    So it gets threads that are nobody else's, a bounded number of them, and that hold up no process that wants to end.
    """

    def __init__(self) -> None:
        self._turns = asyncio.Semaphore(THREADS)

    async def __call__(self, host: str) -> list[Address]:
        """Every address of `host`, in the order to try them; none if the name is unknown or nobody can be asked."""
        await self._turns.acquire()
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[list[Address]] = loop.create_future()

        def tell(found: list[Address]) -> None:
            self._turns.release()  # not before: whoever asked may have left long ago
            if not answer.done():
                answer.set_result(found)

        def ask() -> None:
            found = _addresses(host)
            with suppress(RuntimeError):  # the loop is closed
                loop.call_soon_threadsafe(tell, found)

        Thread(target=ask, name="names", daemon=True).start()
        return await answer


def _addresses(host: str) -> list[Address]:
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        return [ip_address(str(sockaddr[0])) for *_, sockaddr in found]
    except (OSError, ValueError):
        return []
