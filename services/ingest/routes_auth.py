"""Signing in, staying signed in, and changing the password."""

from typing import Annotated
from urllib.parse import parse_qsl

from fastapi import APIRouter, Response
from fastapi import Request as HttpRequest
from pydantic import Field

from adapters.edge import uuid7
from adapters.http import JSON_BYTES, Json
from adapters.principal import disabled, may, unauthenticated
from adapters.problem_json import documented
from contracts.permissions import Principal
from contracts.problems import FieldError, Problem, invalid
from services.ingest import commands_accounts as commands
from services.ingest.answers import asked, change, pending
from services.ingest.proposals import Pending
from services.ingest.registrar import Body, Password, address, done, registrar
from services.ingest.sessions import ACCESS_SECONDS, Tokens

ROUTES = APIRouter(tags=["auth"])

FORM = {
    "type": "object",
    "required": ["username", "password"],
    "properties": {
        "grant_type": {"type": "string", "const": "password"},
        "username": {"type": "string"},
        "password": {"type": "string", "format": "password"},
        "scope": {"type": "string"},
    },
}


class Refresh(Body):
    refresh_token: Annotated[str, Field(max_length=4096)]


class NewPassword(Body):
    current_password: Annotated[str, Field(max_length=256)]
    new_password: Password


Self = Annotated[Principal, may("manage-self")]


@ROUTES.post(
    "/v1/auth/token",
    openapi_extra={
        "requestBody": {"required": True, "content": {"application/x-www-form-urlencoded": {"schema": FORM}}}
    },
    responses=documented("unauthenticated", "account-disabled", "rate-limited", "behind"),
    max_body_size=JSON_BYTES,
)
async def log_in(request: HttpRequest) -> Response:
    """An access token for an hour and a refresh token. What is wrong, the name or the password, is not told."""
    house, form = registrar(request), await _form(request)
    name, password = form["username"].lower(), form["password"]
    house.throttle.log_in(address(request), name)
    found = await house.accounts.glimpsed(name)
    if not await house.is_password(found, password):
        newest = await house.accounts.newest(name)
        changed = newest and (not found or newest.state.epoch != found.state.epoch)
        if not (changed and await house.is_password(newest, password)):
            raise unauthenticated("There is no account of this name with this password.")
        found = newest
    assert found is not None  # nobody's password is never right
    if found.state.disabled and (found := await house.accounts.newest(name)) and found.state.disabled:
        raise disabled()
    assert found is not None
    return _tokens(await house.sessions.begin(found.state))


@ROUTES.post(
    "/v1/auth/refresh",
    responses=documented("unauthenticated", "account-disabled", "rate-limited", "behind"),
    max_body_size=JSON_BYTES,
)
async def refresh(request: HttpRequest, body: Refresh) -> Response:
    """The next access and refresh tokens. A refresh token is good once: used again, it ends its session."""
    house = registrar(request)
    token = house.sessions.read(body.refresh_token)
    found = await house.accounts.newest(token.account)
    if found is None:
        raise unauthenticated("The account of this refresh token does not exist.")
    if found.state.disabled:
        raise disabled()
    return _tokens(await house.sessions.go_on(token, found.state))


@ROUTES.post(
    "/v1/me/password",
    status_code=204,
    responses=change("wrong-password", "password-changed", "rate-limited"),
    max_body_size=JSON_BYTES,
)
async def change_password(request: HttpRequest, who: Self, body: NewPassword) -> Response:
    """Every token made with the old password ends."""
    house = registrar(request)
    house.throttle.log_in(address(request), who.account)
    account = await house.own(who)
    if not await house.is_password(account, body.current_password):
        raise Problem("wrong-password", "The current password is another one.")
    sealed = house.keys.seal_password_hash(who.account, await house.passwords.hash(body.new_password))
    made = await house.settled(commands.change_password(account.state, sealed), uuid7(), asked(request, who))
    return pending(made) if isinstance(made, Pending) else done(made)


async def _form(request: HttpRequest) -> dict[str, str]:
    """The fields of a log-in. Raises the Problem `invalid-request`."""
    try:
        given = dict(parse_qsl((await request.body()).decode(), max_num_fields=20, keep_blank_values=True))
    except ValueError:
        raise Problem("malformed-request", "The body is no form.") from None
    missing = [name for name in ("username", "password") if not 0 < len(given.get(name, "")) <= 256]
    if missing:
        raise invalid(*(FieldError(pointer=f"/{name}", detail="send 1 to 256 characters") for name in missing))
    if given.get("grant_type", "password") != "password":
        raise invalid(FieldError(pointer="/grant_type", detail="is `password`; /v1/auth/refresh refreshes"))
    return given


def _tokens(tokens: Tokens) -> Response:
    body = {
        "access_token": tokens.access,
        "token_type": "bearer",
        "expires_in": ACCESS_SECONDS,
        "refresh_token": tokens.refresh,
    }
    return Json(body, headers={"Cache-Control": "no-store"})
