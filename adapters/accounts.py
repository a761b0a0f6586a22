"""Accounts as the read model has them: by name, or by one of their API keys."""

import re
from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from cachetools import TTLCache

from adapters.fresh import Fresh
from adapters.read_model import ReadModel
from adapters.waiting import Together
from contracts.accounts import NAME, Account
from contracts.read_model.accounts import COLUMNS, placed
from contracts.read_model.placed import Placed
from contracts.resources.accounts import Counts
from contracts.topics import ACCOUNTS

KNOWN_SECONDS = 1.0
MOST_KNOWN = 10_000

_NAME = re.compile(NAME)
_NAMES = ", ".join(f'"{name}"' for name, _ in COLUMNS)
BY_NAME = f"SELECT {_NAMES} FROM accounts WHERE name = ANY(%s)"
PAGE = f"""
SELECT {_NAMES} FROM accounts
WHERE (created_at, name) > (coalesce(%s::timestamptz, '-infinity'), %s) ORDER BY created_at, name LIMIT %s
"""
BY_KEY = f"SELECT {_NAMES} FROM accounts WHERE api_key_ids && %s"

COUNTS = """
SELECT name,
    (SELECT count(*) FROM shown_posts AS post WHERE post.author = name) AS posts,
    (SELECT count(*) FROM follows WHERE account = name AND follows) AS followers,
    (SELECT count(*) FROM follows WHERE follower = name AND follows) AS following
FROM unnest(%s::text[]) AS asked (name)
"""


class Accounts:
    """What is known of an account is taken for true for a second; every no is asked of the newest state."""

    def __init__(self, read_model: ReadModel, fresh: Fresh) -> None:
        self._read_model = read_model
        self._fresh = fresh
        self._by_name: Together[str, Placed[Account]] = Together(self._ask)
        self._known: TTLCache[str | UUID, Placed[Account]] = TTLCache(MOST_KNOWN, KNOWN_SECONDS)

    async def named(self, name: str) -> Placed[Account] | None:
        """The account, perhaps a second old; None only if the log, as of now, has none."""
        return await self.glimpsed(name) or await self.newest(name)

    async def glimpsed(self, name: str) -> Placed[Account] | None:
        """The account if it is known by now."""
        if not _NAME.fullmatch(name):
            return None
        return self._known.get(name) or self._learnt(name, await self._by_name.of(name))

    async def newest(self, name: str) -> Placed[Account] | None:
        """The account as the log has it as of now. Raises Problem `behind` if the read model is over 5 s away."""
        if not _NAME.fullmatch(name):
            return None
        await self._fresh.settled(ACCOUNTS, name)
        return self._learnt(name, await self._by_name.of(name))

    async def of_api_key(self, key_id: UUID) -> Placed[Account] | None:
        """The account that holds this key now, perhaps a second ago."""
        if found := self._known.get(key_id) or self._learnt(key_id, await self._of_key(key_id)):
            return found
        await self._fresh.settled(ACCOUNTS, "")
        return self._learnt(key_id, await self._of_key(key_id))

    async def page(self, after: tuple[datetime, str] | None, limit: int) -> list[Placed[Account]]:
        """Accounts by age, those made after one time and name."""
        rows = await self._read_model.rows(PAGE, (*(after or (None, "")), limit))
        return [placed(list(row.values())) for row in rows]

    async def counts(self, *names: str) -> dict[str, Counts]:
        """What is counted of some accounts now, by name."""
        rows = await self._read_model.rows(COUNTS, (list(names),))
        return {row["name"]: Counts(row["posts"], row["followers"], row["following"]) for row in rows}

    def forget(self, name: str) -> None:
        """The account has just been changed here."""
        for key in [key for key, one in self._known.items() if one.state.name == name]:
            self._known.pop(key, None)

    def _learnt(self, key: str | UUID, found: Placed[Account] | None) -> Placed[Account] | None:
        if found:
            self._known[key] = found
        return found

    async def _of_key(self, key_id: UUID) -> Placed[Account] | None:
        rows = await self._read_model.rows(BY_KEY, ([key_id],))
        return placed(list(rows[0].values())) if rows else None

    async def _ask(self, names: Collection[str]) -> dict[str, Placed[Account]]:
        found = [placed(list(row.values())) for row in await self._read_model.rows(BY_NAME, (list(names),))]
        return {one.state.name: one for one in found}
