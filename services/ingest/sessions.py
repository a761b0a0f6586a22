"""Log-ins: a short access token, and a refresh token that is good once and brings the next.

A refresh token that comes twice has been stolen from somebody: the whole session ends. Postgres holds which generation
of a session is the living one; losing it costs everybody a log-in.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from adapters.edge import uuid7
from adapters.keys import Keys, NotOurs
from adapters.principal import ACCESS, unauthenticated
from adapters.unlogged import Unlogged
from contracts.accounts import Account
from contracts.problems import Problem

ACCESS_SECONDS = 3600
REFRESH_SECONDS = 30 * 24 * 3600
REFRESH = "framelog:refresh"
"""The audience of refresh tokens."""

BEGIN = "INSERT INTO unlogged.sessions (session, account, generation, expires_at) VALUES (%s, %s, 1, %s)"
NEXT = """
UPDATE unlogged.sessions SET generation = generation + 1, expires_at = %s
WHERE session = %s AND account = %s AND generation = %s RETURNING generation
"""
END = "DELETE FROM unlogged.sessions WHERE session = %s"
SWEEP = "DELETE FROM unlogged.sessions WHERE expires_at < %s"


@dataclass(frozen=True, slots=True)
class Tokens:
    access: str
    refresh: str


@dataclass(frozen=True, slots=True)
class Refreshing:
    """What a refresh token says: which session of which account it goes on with, since which credential epoch."""

    session: UUID
    account: str
    epoch: int
    generation: int


class Sessions:
    """Every question raises TryLater while Postgres is down."""

    def __init__(self, unlogged: Unlogged, keys: Keys, now: Callable[[], datetime]) -> None:
        self._unlogged = unlogged
        self._keys = keys
        self._now = now

    async def begin(self, account: Account) -> Tokens:
        session, now = uuid7(), self._now()
        async with self._unlogged.connection() as connection:
            await connection.execute(SWEEP, (now,))
            await connection.execute(BEGIN, (session, account.name, _until(now)))
        return self._tokens(account, session, 1)

    def read(self, refresh_token: str) -> Refreshing:
        """Raises the Problem `unauthenticated`."""
        try:
            claims = self._keys.verify(refresh_token, REFRESH, ("session", "epoch", "generation"))
            return Refreshing(UUID(claims["session"]), claims["sub"], claims["epoch"], claims["generation"])
        except (NotOurs, ValueError):
            raise _no_longer() from None

    async def go_on(self, asked: Refreshing, account: Account) -> Tokens:
        """The next tokens. Raises the Problem `unauthenticated` for a generation that is over, and ends its session."""
        if asked.epoch != account.epoch:
            raise _no_longer()
        async with self._unlogged.connection() as connection:
            which = (_until(self._now()), asked.session, account.name, asked.generation)
            row = await (await connection.execute(NEXT, which)).fetchone()
            if row is None:
                await connection.execute(END, (asked.session,))
                raise _no_longer()
        return self._tokens(account, asked.session, row[0])

    def _tokens(self, account: Account, session: UUID, generation: int) -> Tokens:
        claims: dict[str, Any] = {"sub": account.name, "epoch": account.epoch}
        living = {**claims, "session": str(session), "generation": generation}
        now = self._now()
        return Tokens(
            access=self._keys.sign({**claims, "role": account.role}, ACCESS, now, ACCESS_SECONDS),
            refresh=self._keys.sign(living, REFRESH, now, REFRESH_SECONDS),
        )


def _until(now: datetime) -> datetime:
    return now + timedelta(seconds=REFRESH_SECONDS)


def _no_longer() -> Problem:
    return unauthenticated("This refresh token is not good, or has been used: log in again.")
