"""So many questions in a time and no more, counted per process."""

import asyncio

from limits import RateLimitItem
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import MovingWindowRateLimiter

PAUSE = 0.1


class Budget:
    """A moving window: in no minute, wherever it begins, more than are allowed in a minute."""

    def __init__(self, limit: RateLimitItem) -> None:
        self._limit = limit
        self._limiter = MovingWindowRateLimiter(MemoryStorage())
        self._turn = asyncio.Lock()

    async def spend(self) -> None:
        """Returns once there is room for one more, first come, first served."""
        async with self._turn:
            while not await self._limiter.hit(self._limit):  # noqa: ASYNC110 - only time makes room
                await asyncio.sleep(PAUSE)
