"""Waiting for what will come about, however busy the machine is."""

import asyncio
from collections.abc import Awaitable, Callable
from inspect import isawaitable


async def until(condition: Callable[[], object | Awaitable[object]], within: float = 20) -> None:
    """Returns once it is true. Raises TimeoutError."""
    async with asyncio.timeout(within):
        while not await _truth(condition()):  # noqa: ASYNC110  # what it asks comes about in other processes
            await asyncio.sleep(0.02)


async def _truth(said: object) -> object:
    return await said if isawaitable(said) else said
