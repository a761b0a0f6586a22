"""What an account gives to programs: API keys, and the secret that callbacks are signed with."""

import hashlib
import secrets
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Response
from fastapi import Request as HttpRequest
from pydantic import AfterValidator, Field

from adapters.edge import uuid7
from adapters.http import JSON_BYTES, Json
from adapters.principal import API_KEY, may
from contracts import ids
from contracts.accounts import Account, ApiKeyIssued, ApiKeyRevoked, Scope
from contracts.permissions import Principal
from contracts.problems import Problem
from contracts.resources.accounts import issued_json
from services.ingest import commands_accounts as commands
from services.ingest.answers import asked, change, pending
from services.ingest.proposals import Pending
from services.ingest.registrar import Body, done, refused, registrar

ROUTES = APIRouter(tags=["accounts"])

Self = Annotated[Principal, may("manage-self")]


def _readable(name: str) -> str:
    """On one line, with something to see."""
    if not name.isprintable() or not name.strip():
        raise ValueError("is blank, or holds what cannot be printed")
    return name


class NewApiKey(Body):
    name: Annotated[str, Field(min_length=1, max_length=100), AfterValidator(_readable)]
    scopes: Annotated[tuple[Scope, ...], Field(min_length=1, max_length=4)]


@ROUTES.post(
    "/v1/me/api-keys",
    status_code=201,
    responses=change("too-many-api-keys"),
    max_body_size=JSON_BYTES,
)
async def issue_api_key(request: HttpRequest, who: Self, body: NewApiKey) -> Response:
    """A key that works without signing in, within its scopes. It is shown this once."""
    house, event_id, secret = registrar(request), uuid7(), secrets.token_urlsafe(32)
    beyond = sorted(set(body.scopes) - who.scopes)
    if beyond:
        raise Problem("forbidden", f"A key cannot give what it does not have: {', '.join(beyond)}.")
    scopes = tuple(dict.fromkeys(body.scopes))
    event = ApiKeyIssued(
        account=who.account,
        actor=who.account,
        key_id=ids.api_key(event_id),
        name=body.name,
        scopes=scopes,
        key_sha256=hashlib.sha256(secret.encode()).hexdigest(),
    )
    made = await house.settled(event, event_id, asked(request, who))
    if isinstance(made, Pending):
        return pending(made)
    key = f"{API_KEY}{event.key_id.hex}_{secret}"
    headers = {"Framelog-Position": str(made.position), "Cache-Control": "no-store"}
    return Json(issued_json(event.key_id, body.name, scopes, key), 201, headers)


@ROUTES.delete("/v1/me/api-keys/{key_id}", status_code=204, responses=change())
async def revoke_api_key(request: HttpRequest, who: Self, key_id: UUID) -> Response:
    """It stops working at once."""
    house = registrar(request)
    event = ApiKeyRevoked(account=who.account, actor=who.account, key_id=key_id)
    if not _holds((await house.own(who)).state, key_id):
        newest = await house.accounts.newest(who.account)
        if not (newest and _holds(newest.state, key_id)):
            raise refused("api-key-not-found")
    made = await house.settled(event, uuid7(), asked(request, who))
    return pending(made) if isinstance(made, Pending) else done(made)


@ROUTES.post("/v1/me/webhook-secret/rotate", responses=change("webhook-secret-rotated"))
async def rotate_webhook_secret(request: HttpRequest, who: Self) -> Response:
    """A new secret. For a day what is sent is signed with the old one as well."""
    house = registrar(request)
    account = await house.accounts.newest(who.account)
    if account is None:
        raise refused("account-not-found")
    event = commands.rotate_webhook_secret(account.state)
    made = await house.settled(event, uuid7(), asked(request, who))
    if isinstance(made, Pending):
        return pending(made)
    secret = house.keys.webhook_secret(who.account, made.state.webhook_generation)
    return Json({"secret": secret}, headers={"Framelog-Position": str(made.position), "Cache-Control": "no-store"})


def _holds(account: Account, key_id: UUID) -> bool:
    return any(key.key_id == key_id for key in account.api_keys)
