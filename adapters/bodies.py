"""A request's body as it comes off the socket: counted, and waited for only so long."""

import asyncio

from starlette.exceptions import HTTPException
from starlette.types import Message, Receive

SLOWEST = 4 * 1024
"""Bytes per second that a client must send on average, once its patience is used up."""


class Body:
    """`idle` is how long a client may send nothing, in seconds; `size` how many bytes it has sent."""

    def __init__(self, receive: Receive, idle: float) -> None:
        self.size = 0
        self._receive = receive
        self._idle = idle
        self._waited = 0.0
        self._more = True

    async def receive(self) -> Message:
        """The next message of the body. Raises HTTPException 408 for a client that stops or trickles."""
        if not self._more:
            return await self._receive()
        clock = asyncio.get_running_loop().time
        start = clock()
        try:
            async with asyncio.timeout(self._idle + min(0, self.size / SLOWEST - self._waited)):
                message = await self._receive()
        except TimeoutError:
            raise HTTPException(408, "The body came too slowly.", {"Connection": "close"}) from None
        self._waited += clock() - start
        self.size += len(message.get("body", b""))
        self._more = bool(message.get("more_body"))
        return message
