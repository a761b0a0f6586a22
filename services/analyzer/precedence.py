"""Who goes first: what campaigns ask for is begun only while nothing else is in hand."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Precedence:
    def __init__(self) -> None:
        self._in_hand = 0
        self._quiet = asyncio.Event()
        self._quiet.set()

    @asynccontextmanager
    async def first(self) -> AsyncIterator[None]:
        """What waits for nobody."""
        self._in_hand += 1
        self._quiet.clear()
        try:
            yield
        finally:
            self._in_hand -= 1
            if not self._in_hand:
                self._quiet.set()

    @asynccontextmanager
    async def last(self) -> AsyncIterator[None]:
        """What begins once all that waits for nobody has ended, and goes on then whatever comes."""
        await self._quiet.wait()
        yield
