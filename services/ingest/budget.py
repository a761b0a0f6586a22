"""How many bytes of uploads are in memory at once: who comes first is served first, who waits too long is refused."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from adapters.metrics import UPLOAD_BYTES_RESERVED, UPLOADS_WAITING
from contracts.problems import Problem


class Budget:
    """An upload reserves what it may hold before its body is read, so that no upload is stopped half-way for memory."""

    def __init__(self, total: int, patience: float = 10.0, most_waiting: int = 128) -> None:
        self._total = self._free = total
        self._patience = patience
        self._most_waiting = most_waiting
        self._waiting: deque[tuple[asyncio.Future[None], int]] = deque()

    @asynccontextmanager
    async def reserve(self, amount: int) -> AsyncIterator[None]:
        """Raises the Problem `unavailable` where `amount` bytes do not come free in time."""
        amount = min(amount, self._total)
        with UPLOADS_WAITING.track_inprogress():
            await self._take(amount)
        UPLOAD_BYTES_RESERVED.inc(amount)
        try:
            yield
        finally:
            UPLOAD_BYTES_RESERVED.dec(amount)
            self._give(amount)

    async def _take(self, amount: int) -> None:
        if not self._waiting and amount <= self._free:
            self._free -= amount
            return
        if len(self._waiting) >= self._most_waiting:
            raise _busy()
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((turn, amount))
        try:
            async with asyncio.timeout(self._patience):
                await turn
        except BaseException as error:
            came = turn.done() and not turn.cancelled()  # in the very moment it gave up
            self._give(amount if came else 0)
            if isinstance(error, TimeoutError):
                raise _busy() from None
            raise

    def _give(self, amount: int) -> None:
        self._free += amount
        while self._waiting and (self._waiting[0][0].cancelled() or self._waiting[0][1] <= self._free):
            turn, wanted = self._waiting.popleft()
            if not turn.cancelled():
                self._free -= wanted
                turn.set_result(None)


def _busy() -> Problem:
    return Problem("unavailable", "Too many uploads at once: try again in a moment.", headers={"Retry-After": "5"})
