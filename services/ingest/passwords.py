"""Passwords: Argon2id (RFC 9106), in threads, so many at a time and no more."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError

from contracts.events import TryLater

AT_ONCE = 2
"""Each takes a core and 64 MiB."""
MOST_WAITING = 64


T = TypeVar("T")


class Passwords:
    """Raises TryLater where more wait than are done in a few seconds."""

    def __init__(self) -> None:
        self._hasher = PasswordHasher()
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._waiting = 0
        self._nobodys = self._hasher.hash("the password of an account that does not exist")

    async def hash(self, password: str) -> str:
        return await self._in_turn(self._hasher.hash, password)

    async def verify(self, password: str, hashed: str | None) -> bool:
        """Whether it is the password; for None, an account that does not exist, False after the same work."""
        right = await self._in_turn(self._verify, password, hashed or self._nobodys)
        return right and hashed is not None

    def _verify(self, password: str, hashed: str) -> bool:
        try:
            return self._hasher.verify(hashed, password)
        except (VerifyMismatchError, InvalidHashError):
            return False

    async def _in_turn(self, work: Callable[..., T], *arguments: str) -> T:
        if self._waiting >= MOST_WAITING:
            raise TryLater("too many passwords wait to be checked", after=5)
        self._waiting += 1
        try:
            async with self._turns:
                return await asyncio.to_thread(work, *arguments)
        finally:
            self._waiting -= 1
