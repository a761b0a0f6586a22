"""A command that asks the API and prints: one event loop, one client, for as long as the command takes."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from cli.address import address
from cli.client import Client
from services import settings

T = TypeVar("T")


def connect(url: str | None) -> Client:
    known = settings.Client.read()
    return Client(address(url, known), home=known.home, api_key=known.api_key)


def asking(url: str | None, ask: Callable[[Client], Awaitable[T]]) -> T:
    """What `ask` finds out. Raises Failed."""

    async def asked() -> T:
        async with connect(url) as client:
            return await ask(client)

    return asyncio.run(asked())
