"""Notices that something which should move has stopped."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import NoReturn


class Stuck(Exception):
    """Something stood still for too long although there was something to do. Only a new process helps."""


async def watch(standing: Callable[[], Awaitable[Mapping[str, float]]], every: float) -> NoReturn:
    """Asks every so many seconds what is standing still, and how long it may, in seconds. Raises Stuck once something
    has for longer than that."""
    since: dict[str, float] = {}
    while True:
        found = await standing()
        now = time.monotonic()
        since = {one: since.get(one, now) for one in found}
        for one, began in since.items():
            if now - began >= found[one]:
                raise Stuck(f"{one}, for {found[one]:.0f} s")
        await asyncio.sleep(every)
