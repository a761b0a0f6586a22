"""Notices a process that has stopped moving although it has something to do."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import NoReturn


class Stuck(Exception):
    """Nothing was finished for too long although there was something to do. Only a new process helps."""


async def watch(finished: Callable[[], int], owes: Callable[[], Awaitable[bool]], limit: float) -> NoReturn:
    """Raises Stuck when `finished` has stood still for `limit` seconds in all of which `owes` was true."""
    moved, before = time.monotonic(), finished()
    while True:
        await asyncio.sleep(limit / 6)
        if finished() != before or not await owes():
            moved, before = time.monotonic(), finished()
        elif time.monotonic() - moved >= limit:
            raise Stuck(f"nothing was finished for {limit:.0f} s, and there is something to do")
