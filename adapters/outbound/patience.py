"""How long a peer may let us wait, in all."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from adapters.outbound.failures import Unreachable

T = TypeVar("T")


class Patience:
    """Seconds that run while we wait for the peer, and stand still while it waits for us."""

    def __init__(self, seconds: float) -> None:
        self._seconds = self._left = seconds

    async def wait(self, what: Awaitable[T]) -> T:
        """Raises Unreachable once the seconds are used up, however many waits they were spread over."""
        loop = asyncio.get_running_loop()
        begun = loop.time()
        try:
            async with asyncio.timeout(self._left):
                return await what
        except TimeoutError:
            raise Unreachable(f"it took longer than {self._seconds:g} s") from None
        finally:
            self._left -= loop.time() - begun
