"""What people do to accounts: sign up; and what admins do to them."""

from typing import Annotated, Any

from fastapi import APIRouter, Response
from fastapi import Request as HttpRequest
from pydantic import BeforeValidator, EmailStr, Field, StrictBool

from adapters.conditions import etag
from adapters.edge import uuid7
from adapters.http import JSON_BYTES, Json
from adapters.principal import may
from adapters.problem_json import documented
from contracts import ids
from contracts.accounts import NAME, AccountRegistered, Role
from contracts.permissions import Principal
from contracts.problems import FieldError, invalid
from contracts.resources.accounts import registered_json, whole_json
from services.ingest import commands_accounts as commands
from services.ingest.answers import PENDING, IdempotencyKey, asked, change, pending
from services.ingest.proposals import Pending, Request
from services.ingest.registrar import Body, Password, address, refused, registrar

ROUTES = APIRouter(tags=["accounts"])

Admin = Annotated[Principal, may("administer")]


def _lower(name: Any) -> Any:
    return name.lower() if isinstance(name, str) else name


Username = Annotated[str, BeforeValidator(_lower), Field(pattern=NAME)]


class SignUp(Body):
    username: Username
    email: Annotated[EmailStr, Field(max_length=254)]
    password: Password


class Administration(Body):
    disabled: StrictBool | None = None
    role: Role | None = None


@ROUTES.post(
    "/v1/accounts",
    status_code=201,
    responses={202: PENDING, **documented("username-taken", "rate-limited", "behind", "outcome-unknown")},
    max_body_size=JSON_BYTES,
)
async def sign_up(request: HttpRequest, body: SignUp) -> Response:
    """A new account. The first claim of a name in the log wins; the answer is the log's."""
    house = registrar(request)
    house.throttle.sign_up(address(request))
    if await house.accounts.glimpsed(body.username):  # a name is never free again
        raise refused("username-taken")
    event_id, itself = uuid7(), Request(id=uuid7(), who=Principal(body.username, "user"), keyed=False)
    event = AccountRegistered(
        account=body.username,
        actor=body.username,
        account_id=ids.account(event_id),
        sealed_email=house.keys.seal_email(body.username, body.email),
        sealed_password_hash=house.keys.seal_password_hash(body.username, await house.passwords.hash(body.password)),
    )
    made = await house.settled(event, event_id, itself)
    if isinstance(made, Pending):
        return pending(made)
    headers = {"Location": f"/v1/accounts/{made.state.name}", "Framelog-Position": str(made.position)}
    return Json(registered_json(made.state, made.position), 201, headers)


@ROUTES.patch("/v1/accounts/{username}", responses=change(), max_body_size=JSON_BYTES)
async def administer(
    request: HttpRequest, who: Admin, username: str, body: Administration, idempotency_key: IdempotencyKey = None
) -> Response:
    """Disable an account or enable it again, make it an admin's or a user's."""
    house = registrar(request)
    account = await house.accounts.named(username.lower())
    if account is None:
        raise refused("account-not-found")
    if account.state.name == who.account:
        raise invalid(FieldError(pointer="", detail="an admin cannot disable or demote itself"))
    itself = asked(request, who, idempotency_key)
    events = {
        ids.requested(itself.id, None, [type(event).__name__, event], None): event
        for event in commands.administer(account.state.name, who.account, body.disabled, body.role)
    }
    await house.proposals.refuse_reuse(itself, events)
    for event_id, event in events.items():
        made = await house.settled(event, event_id, itself)
        if isinstance(made, Pending):
            return pending(made)
        account = made
    counts = await house.accounts.counts(account.state.name)
    headers = {"ETag": etag(account.state.version), "Framelog-Position": str(account.position)}
    return Json(whole_json(account.state, counts[account.state.name], house.keys.email(account.state)), headers=headers)
