"""What the routes of accounts are made of: proposals about accounts, and what the log makes of them."""

from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from fastapi import Request as HttpRequest
from fastapi import Response
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from adapters.accounts import Accounts
from adapters.keys import Keys
from contracts.accounts import Account, AnyAccountEvent
from contracts.permissions import Principal
from contracts.problems import Problem
from contracts.read_model.placed import Placed
from services.ingest.passwords import Passwords
from services.ingest.proposals import Pending, Proposals, Request, or_pending
from services.ingest.sessions import Sessions
from services.ingest.throttle import Throttle

REJECTED = {
    "username-taken": ("username-taken", "choose another name"),
    "account-not-found": ("not-found", "there is no such account"),
    "account-disabled": ("account-disabled", "an admin has disabled this account"),
    "password-changed": ("password-changed", "another request was faster; sign in with that password"),
    "too-many-api-keys": ("too-many-api-keys", "delete one first"),
    "api-key-exists": ("idempotency-key-reuse", "this key was made by this request already"),
    "api-key-not-found": ("not-found", "there is no such API key"),
    "webhook-secret-rotated": ("webhook-secret-rotated", "another request was faster; read the new one"),
}
"""The fold's reason → the slug of the problem that a client is told, and in which words."""


def _encodable(text: str) -> str:
    """A lone surrogate is no text."""
    text.encode()
    return text


Password = Annotated[str, Field(min_length=10, max_length=256), AfterValidator(_encodable)]


class Body(BaseModel):
    """A JSON body, of which every field is known."""

    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclass(frozen=True, slots=True)
class Registrar:
    accounts: Accounts
    proposals: Proposals
    sessions: Sessions
    passwords: Passwords
    keys: Keys
    throttle: Throttle

    async def settled(self, event: AnyAccountEvent, event_id: UUID, request: Request) -> Placed[Account] | Pending:
        """The account as the log has it once it has judged the event. Raises Problem for its no."""
        verdict = await self.proposals.propose(event, event_id, request)
        if isinstance(verdict, Pending):
            return verdict
        if verdict.reason:
            raise refused(verdict.reason)
        self.accounts.forget(event.account)
        found = await or_pending(verdict, self.accounts.glimpsed(event.account))
        assert found is not None  # its event has been accepted
        return found

    async def own(self, who: Principal) -> Placed[Account]:
        found = await self.accounts.named(who.account)
        if found is None:
            raise refused("account-not-found")
        return found

    async def is_password(self, found: Placed[Account] | None, password: str) -> bool:
        """Whether it is the account's. For no account False, after the same work."""
        return await self.passwords.verify(password, self.keys.password_hash(found.state) if found else None)


def registrar(request: HttpRequest) -> Registrar:
    found: Registrar = request.app.state.registrar
    return found


def address(request: HttpRequest) -> str:
    """Where a request comes from, to be throttled by."""
    return request.client.host if request.client else "unknown"


def done(made: Placed[Account]) -> Response:
    return Response(status_code=204, headers={"Framelog-Position": str(made.position)})


def refused(reason: str) -> Problem:
    return Problem(*REJECTED[reason])
