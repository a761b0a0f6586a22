"""Asking the read model for many at once: one question per process is under way, however many wait."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Generic, TypeVar

from contracts.events import TryLater

K = TypeVar("K")
V = TypeVar("V")

POLL_SECONDS = 0.015
MOST_WAITERS = 1_000

logger = logging.getLogger(__name__)


class Together(Generic[K, V]):
    """`ask` is given all the keys of who came while the last question was under way; nobody waits for company."""

    def __init__(self, ask: Callable[[Collection[K]], Awaitable[Mapping[K, V]]]) -> None:
        self._ask = ask
        self._waiting: dict[K, asyncio.Future[V | None]] = {}
        self._asking: asyncio.Task[None] | None = None

    async def of(self, key: K) -> V | None:
        """What is known of a key, by a question put after this one came. Raises what asking raises."""
        if key not in self._waiting:
            self._waiting[key] = asyncio.get_running_loop().create_future()
        if self._asking is None:
            self._asking = asyncio.create_task(self._ask_all())
        return await asyncio.shield(self._waiting[key])

    async def _ask_all(self) -> None:
        while self._waiting:
            asked, self._waiting = self._waiting, {}
            try:
                found = await self._ask(list(asked))
            except Exception as error:
                for answer in asked.values():
                    answer.set_exception(error)
                    answer.exception()  # whoever asked may have given up
            else:
                for key, answer in asked.items():
                    answer.set_result(found.get(key))
        self._asking = None


class Poll(Generic[K, V]):
    """`ready` is given the keys that are waited for and answers those that are there. It runs only while one is."""

    def __init__(self, ready: Callable[[Collection[K]], Awaitable[Mapping[K, V]]]) -> None:
        self._ready = ready
        self._waiting: dict[K, asyncio.Future[V]] = {}
        self._waiters = 0
        self._polling: asyncio.Task[None] | None = None

    async def wait(self, key: K, within: float) -> V | None:
        """The value of `key` once it is there, None if that takes longer. Raises TryLater if too many wait already."""
        if self._waiters >= MOST_WAITERS:
            raise TryLater("too many requests wait for the read model", after=5)
        self._waiters += 1
        try:
            arrival = self._waiting.setdefault(key, asyncio.get_running_loop().create_future())
            if self._polling is None:
                self._polling = asyncio.create_task(self._poll())
            done, _ = await asyncio.wait((arrival,), timeout=within)
            return arrival.result() if done else None
        finally:
            self._waiters -= 1
            if self._waiters == 0:
                self._waiting.clear()

    async def _poll(self) -> None:
        try:
            while self._waiting:
                for key, value in (await self._arrived()).items():
                    if arrival := self._waiting.pop(key, None):
                        arrival.set_result(value)
                await asyncio.sleep(POLL_SECONDS)
        except Exception as error:
            for arrival in self._waiting.values():
                arrival.set_exception(error)
            self._waiting.clear()
        finally:
            self._polling = None

    async def _arrived(self) -> Mapping[K, V]:
        try:
            return await self._ready(list(self._waiting))
        except TryLater as down:
            logger.debug("the read model does not answer: %s", down)
            return {}
