"""Signing in: tokens are kept in `session.json`, renewed before they end, and got with this machine's credentials.

FRAMELOG_API_KEY, for scripts, goes before all of it.
"""

import asyncio
import time
from collections.abc import AsyncGenerator
from pathlib import Path

import httpx
import jwt
import msgspec

from adapters.keys import write_secret
from cli.address import credentials
from cli.errors import WRONG_USE, Failed
from contracts.events import TryLater

FILE = "session.json"
EARLY = 60.0
"""Seconds before its end that an access token is renewed."""


class Tokens(msgspec.Struct, frozen=True):
    """`ends` is the access token's, in seconds since 1970."""

    access: str
    refresh: str
    ends: float


def signed_in(home: Path, url: str) -> str | None:
    """Whom the command line acts as at `url`, as far as one knows without asking there."""
    tokens = _all(home).get(url)
    if tokens:
        return str(jwt.decode(tokens.access, options={"verify_signature": False})["sub"])
    known = credentials(home)
    return known["username"] if known.get("url") == url else None


class Session(httpx.Auth):
    """Whoever uses the command line at `url`. `http` speaks to that address without signing in."""

    def __init__(self, home: Path, url: str, api_key: str, http: httpx.AsyncClient) -> None:
        self._home, self._url, self._api_key, self._http = home, url, api_key, http
        self._one_at_a_time = asyncio.Lock()

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        """The request, signed. Where the token has ended by then, TryLater: it is asked again with a new one."""
        access = self._api_key or await self._access()
        if access is None:
            yield request
            return
        request.headers["Authorization"] = f"Bearer {access}"
        answer = yield request
        if answer.status_code == 401 and not self._api_key and await self._renewed(access):
            raise TryLater("signed in again", after=0)

    async def log_in(self, username: str, password: str) -> None:
        """Raises Failed where the API does not know them."""
        form = {"grant_type": "password", "username": username, "password": password}
        answer = await self._http.post("/v1/auth/token", data=form)
        if not answer.is_success:
            raise Failed(f"{self._url}: {answer.json().get('detail', answer.status_code)}", WRONG_USE)
        self._keep(_tokens(answer))

    async def _access(self) -> str | None:
        """An access token that is good for a minute at least, as far as its time goes; None where nobody signs in."""
        async with self._one_at_a_time:
            tokens = self._kept()
            if tokens is None or tokens.ends < time.time() + EARLY:
                tokens = await self._new(tokens)
            return tokens.access if tokens else None

    async def _renewed(self, refused: str) -> bool:
        async with self._one_at_a_time:
            tokens = self._kept()
            if tokens and tokens.access != refused:
                return True  # by somebody else meanwhile
            return await self._new(tokens) is not None

    async def _new(self, old: Tokens | None) -> Tokens | None:
        """By the refresh token, else by this machine's credentials."""
        asked = []
        if old:
            asked.append(self._http.build_request("POST", "/v1/auth/refresh", json={"refresh_token": old.refresh}))
        known = credentials(self._home)
        if known.get("url") == self._url:
            form = {"grant_type": "password", "username": known["username"], "password": known["password"]}
            asked.append(self._http.build_request("POST", "/v1/auth/token", data=form))
        for one in asked:
            answer = await self._http.send(one)
            if answer.is_success:
                self._keep(tokens := _tokens(answer))
                return tokens
            if answer.status_code in (429, 503):
                raise TryLater(f"cannot sign in now: {answer.status_code}", after=1)
        return None

    def _kept(self) -> Tokens | None:
        return _all(self._home).get(self._url)

    def _keep(self, tokens: Tokens) -> None:
        write_secret(self._home / FILE, msgspec.json.encode({**_all(self._home), self._url: tokens}))


def _all(home: Path) -> dict[str, Tokens]:
    """By address."""
    try:
        return msgspec.json.decode((home / FILE).read_bytes(), type=dict[str, Tokens])
    except (OSError, msgspec.DecodeError):
        return {}


def _tokens(answer: httpx.Response) -> Tokens:
    body = answer.json()
    return Tokens(body["access_token"], body["refresh_token"], time.time() + body["expires_in"])
