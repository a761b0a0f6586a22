"""Notices that something which should move has stopped."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import NoReturn


class Stuck(Exception):
    """Something stood still for too long although there was something to do. Only a new process helps."""


async def watch(standing: Callable[[], Awaitable[Iterable[str]]], limit: float) -> NoReturn:
    """Asks again and again what is standing still, and raises Stuck once an answer has stayed for `limit` seconds."""
    since: dict[str, float] = {}
    while True:
        found = await standing()
        now = time.monotonic()
        since = {one: since.get(one, now) for one in found}
        for one, began in since.items():
            if now - began >= limit:
                raise Stuck(f"{one}, for {limit:.0f} s")
        await asyncio.sleep(limit / 6)
