"""What is read of accounts: one's own, everybody's profile, API keys, the webhook secret."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Request, Response

from adapters.conditions import etag
from adapters.http import Json
from adapters.principal import may
from contracts.accounts import Account
from contracts.events import Json as JsonValue
from contracts.permissions import Principal, decide
from contracts.problems import Problem
from contracts.read_model.placed import Placed
from contracts.resources.accounts import Counts, api_key_json, profile_json, whole_json
from services.query.cursors import decoded, encoded
from services.query.pages import Cursor, Limit, page
from services.query.parts import FRESH, Parts, Reading

ROUTES = APIRouter(tags=["accounts"])

QUESTION = "accounts"
SECRET = {"Cache-Control": "no-store"}
See = Annotated[Principal, may("see-profile")]
Self = Annotated[Principal, may("see-self")]
Manage = Annotated[Principal, may("manage-self")]


@ROUTES.get("/v1/accounts")
async def list_accounts(request: Request, parts: Parts, who: See, limit: Limit = 50, cursor: Cursor = None) -> Response:
    """Everybody's profile, oldest first."""
    found = await parts.accounts.page(_place(cursor) if cursor else None, limit + 1)
    counts = await parts.accounts.counts(*(one.state.name for one in found[:limit]))
    items = [_shown(parts, who, one.state, counts) for one in found[:limit]]
    last = found[limit - 1].state if len(found) > limit else None
    return page(request, items, encoded([last.created_at.isoformat(), last.name], QUESTION) if last else None)


@ROUTES.get("/v1/accounts/{username}")
async def show_account(parts: Parts, who: See, username: str) -> Response:
    """A profile; to admins also e-mail address, role, and whether it is disabled."""
    found = await parts.accounts.named(username.lower())
    if found is None:
        raise Problem("not-found", f"There is no account {username[:100]}.")
    counts = await parts.accounts.counts(found.state.name)
    return Json(_shown(parts, who, found.state, counts), headers=_headers(found))


@ROUTES.get("/v1/me")
async def show_me(parts: Parts, who: Self) -> Response:
    """One's own account."""
    found = await _own(parts, who)
    counts = await parts.accounts.counts(found.state.name)
    return Json(_whole(parts, found.state, counts), headers=_headers(found))


@ROUTES.get("/v1/me/api-keys")
async def list_api_keys(parts: Parts, who: Manage) -> Response:
    """Names and scopes; the keys themselves are known to nobody."""
    found = await _own(parts, who)
    return Json({"items": list(map(api_key_json, found.state.api_keys)), "next": None}, headers=FRESH)


@ROUTES.get("/v1/me/webhook-secret")
async def show_webhook_secret(parts: Parts, who: Manage) -> Response:
    """What callbacks are signed with (Standard Webhooks)."""
    found = await _own(parts, who)
    secret = parts.keys.webhook_secret(found.state.name, found.state.webhook_generation)
    return Json({"secret": secret}, headers=SECRET)


def _place(cursor: str) -> tuple[datetime, str]:
    time, name = decoded(cursor, QUESTION, ("timestamptz", "text"))
    return time, name


async def _own(parts: Reading, who: Principal) -> Placed[Account]:
    found = await parts.accounts.named(who.account)
    if found is None:
        raise Problem("not-found", "This account does not exist.")
    return found


def _shown(parts: Reading, who: Principal, account: Account, counts: Mapping[str, Counts]) -> dict[str, JsonValue]:
    if decide(who, "administer") == "allowed":
        return _whole(parts, account, counts)
    return profile_json(account, counts[account.name])


def _whole(parts: Reading, account: Account, counts: Mapping[str, Counts]) -> dict[str, JsonValue]:
    return whole_json(account, counts[account.name], parts.keys.email(account))


def _headers(found: Placed[Account]) -> dict[str, str]:
    return {**FRESH, "ETag": etag(found.state.version), "Framelog-Position": str(found.position)}
