"""Who asks: the account behind a bearer token or an API key, and whether it may do what a route does."""

import asyncio
import hashlib
import hmac
from collections.abc import Awaitable
from typing import Any
from uuid import UUID

from cachetools import TTLCache
from fastapi import Request, Security
from fastapi.security import OAuth2PasswordBearer

from adapters.accounts import Accounts
from adapters.keys import Keys, NotOurs
from contracts.accounts import Account
from contracts.events import TryLater
from contracts.permissions import RULES, Action, Principal, decide
from contracts.problems import Problem

ACCESS = "framelog:access"
"""The audience of access tokens."""
API_KEY = "flk_"
CHALLENGE = {"WWW-Authenticate": "Bearer"}
VERIFIED_SECONDS = 60
MOST_VERIFIED = 10_000
UNCHECKED_SECONDS = 1.0

SCOPES = {
    "images:read": "see one's own images, and what others show",
    "images:write": "upload, change and delete images, ask for jobs",
    "social:write": "post, like, follow",
    "admin": "manage the account, and, for an admin, the house",
}


class Bearer(OAuth2PasswordBearer):
    """The credentials of a request, or None."""

    def __init__(self) -> None:
        super().__init__(
            tokenUrl="/v1/auth/token",
            scheme_name=OAuth2PasswordBearer.__name__,
            scopes=SCOPES,
            auto_error=False,
            description="An access token, or an API key",
        )


_BEARER = Bearer()


class Principals:
    """Knows accounts by their credentials. A signature is checked once a minute, the account itself every time."""

    def __init__(self, keys: Keys, accounts: Accounts) -> None:
        self._keys = keys
        self._accounts = accounts
        self._verified: TTLCache[str, dict[str, Any]] = TTLCache(MOST_VERIFIED, VERIFIED_SECONDS)

    async def of(self, credentials: str, *, unchecked: bool = False) -> Principal:
        """Raises the Problems `unauthenticated` and `account-disabled`, and TryLater while nobody can be looked up.

        With `unchecked`, a token that is good by itself will do then.
        """
        if credentials.startswith(API_KEY):
            return await self._of_api_key(credentials)
        claims = self._claims(credentials)
        standing = self._standing(claims["sub"], claims["epoch"])
        account = await (_soon(standing) if unchecked else standing)
        if account is None:
            return Principal(claims["sub"], claims["role"], checked=False)
        return Principal(account.name, account.role)

    def _claims(self, token: str) -> dict[str, Any]:
        if known := self._verified.get(token):
            return known
        try:
            claims = self._keys.verify(token, ACCESS, ("epoch", "role"))
        except NotOurs as error:
            raise unauthenticated(f"This access token is not good: {error}.") from None
        self._verified[token] = claims
        return claims

    async def _standing(self, name: str, epoch: int) -> Account:
        found = await self._accounts.named(name)
        if found is None or found.state.disabled or found.state.epoch != epoch:
            found = await self._accounts.newest(name)
        if found is None:
            raise unauthenticated("The account of this access token does not exist.")
        if found.state.disabled:
            raise disabled()
        if found.state.epoch != epoch:
            raise unauthenticated("This access token has ended: the password was changed.")
        return found.state

    async def _of_api_key(self, credentials: str) -> Principal:
        id_, _, secret = credentials.removeprefix(API_KEY).partition("_")
        try:
            key_id = UUID(id_)
        except ValueError:
            raise unauthenticated("This is no API key.") from None
        found = await self._accounts.of_api_key(key_id)
        key = next((key for key in found.state.api_keys if key.key_id == key_id), None) if found else None
        if not (found and key and hmac.compare_digest(key.key_sha256, hashlib.sha256(secret.encode()).hexdigest())):
            raise unauthenticated("There is no such API key.")
        if found.state.disabled:
            raise disabled()
        return Principal(found.state.name, found.state.role, frozenset(key.scopes))


async def _soon(standing: Awaitable[Account]) -> Account | None:
    """None where the read model cannot tell within a second."""
    try:
        async with asyncio.timeout(UNCHECKED_SECONDS):
            return await standing
    except (TryLater, TimeoutError):
        return None
    except Problem as problem:
        if problem.type.slug != "behind":
            raise
        return None


def unauthenticated(detail: str) -> Problem:
    return Problem("unauthenticated", detail, headers=CHALLENGE)


def disabled() -> Problem:
    return Problem("account-disabled", "An admin has disabled this account.", headers=CHALLENGE)


async def still(request: Request) -> None:
    """For an answer that goes on and on. Raises what asking the same would raise by now, as `Principals.of` does."""
    principals: Principals = request.app.state.principals
    if credentials := await _BEARER(request):
        await principals.of(credentials)


def may(action: Action, *, unchecked: bool = False) -> Any:
    """For a route's parameter: who asks, once it is clear that they may do this to anything at all.

    None where nobody has signed in and nobody needs to. `unchecked` as for `Principals.of`.
    """
    scope = RULES[action].scope
    return Security(_May(action, unchecked), scopes=[scope] if scope else [])


class _May(Bearer):
    """The question of `may`; as one with its credentials it is solved once per request, not twice."""

    def __init__(self, action: Action, unchecked: bool) -> None:
        super().__init__()
        self._action = action
        self._rule = RULES[action]
        self._unchecked = unchecked

    async def __call__(self, request: Request) -> Principal | None:  # type: ignore[override]
        principals: Principals = request.app.state.principals
        credentials = await super().__call__(request)
        found = await principals.of(credentials, unchecked=self._unchecked) if credentials else None
        if found is None and not self._rule.nobody:
            raise unauthenticated("Send an access token or an API key: Authorization: Bearer …")
        if decide(found, self._action) == "forbidden":
            need = f"this needs the scope {self._rule.scope}" if self._rule.scope else "this is for admins"
            raise Problem("forbidden", f"These credentials do not allow it: {need}.")
        return found
