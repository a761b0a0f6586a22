"""Presigned uploads: a client puts its bytes straight into object storage, under a key that only this offer names."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from adapters.unlogged import Unlogged

OFFER_SECONDS = 3600

MAKE = """
INSERT INTO unlogged.offers (offer, account, filename, size, sha256, key, expires_at)
VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING
"""
FIND = "SELECT account, filename, size, sha256, key, expires_at FROM unlogged.offers WHERE offer = %s"
EXPIRED = "DELETE FROM unlogged.offers WHERE expires_at < %s"


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What the client said it would put under `key`. `sha256` is lower-case hex, `size` bytes."""

    id: UUID
    account: str
    filename: str
    size: int
    sha256: str
    key: str
    expires_at: datetime

    def is_of(self, account: str, filename: str, size: int, sha256: str) -> bool:
        return (self.account, self.filename, self.size, self.sha256) == (account, filename, size, sha256)


def offer(id_: UUID, account: str, filename: str, size: int, sha256: str, now: datetime) -> Offer:
    return Offer(
        id=id_,
        account=account,
        filename=filename,
        size=size,
        sha256=sha256,
        key=f"uploads/{id_}",
        expires_at=now + timedelta(seconds=OFFER_SECONDS),
    )


class Offers:
    """Raises TryLater while Postgres is down."""

    def __init__(self, unlogged: Unlogged) -> None:
        self._unlogged = unlogged

    async def make(self, one: Offer, now: datetime) -> None:
        """Kept for a day beyond its end, for whoever completes late what was put in time."""
        async with self._unlogged.connection() as connection:
            await connection.execute(EXPIRED, (now - timedelta(days=1),))
            row = (one.id, one.account, one.filename, one.size, one.sha256, one.key, one.expires_at)
            await connection.execute(MAKE, row)

    async def find(self, id_: UUID) -> Offer | None:
        async with self._unlogged.connection() as connection:
            row = await (await connection.execute(FIND, (id_,))).fetchone()
        if row is None:
            return None
        account, filename, size, sha256, key, expires_at = row
        return Offer(
            id=id_, account=account, filename=filename, size=size, sha256=sha256, key=key, expires_at=expires_at
        )
