"""What people do to one another: like, follow."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Response
from fastapi import Request as HttpRequest

from adapters.principal import may
from contracts.permissions import Principal
from contracts.problems import FieldError, Problem, invalid
from services.ingest import commands_posts as commands
from services.ingest.answers import IdempotencyKey, asked, change, pending
from services.ingest.proposals import Pending
from services.ingest.sharing import done, sharing

ROUTES = APIRouter(tags=["sharing"])

Share = Annotated[Principal, may("share")]


@ROUTES.put("/v1/posts/{post_id}/like", status_code=204, responses=change())
async def like(request: HttpRequest, who: Share, post_id: UUID, idempotency_key: IdempotencyKey = None) -> Response:
    """Like a post. Liking it again changes nothing."""
    return await _say(request, who, post_id, True, idempotency_key)


@ROUTES.delete("/v1/posts/{post_id}/like", status_code=204, responses=change())
async def unlike(request: HttpRequest, who: Share, post_id: UUID, idempotency_key: IdempotencyKey = None) -> Response:
    """Like it no longer."""
    return await _say(request, who, post_id, False, idempotency_key)


@ROUTES.put("/v1/accounts/{username}/follow", status_code=204, responses=change())
async def follow(request: HttpRequest, who: Share, username: str, idempotency_key: IdempotencyKey = None) -> Response:
    """Have an account's posts in one's feed."""
    return await _follow(request, who, username, True, idempotency_key)


@ROUTES.delete("/v1/accounts/{username}/follow", status_code=204, responses=change())
async def unfollow(request: HttpRequest, who: Share, username: str, idempotency_key: IdempotencyKey = None) -> Response:
    """Have them there no longer."""
    return await _follow(request, who, username, False, idempotency_key)


async def _say(request: HttpRequest, who: Principal, post_id: UUID, likes: bool, key: str | None) -> Response:
    house = sharing(request)
    found = await house.shown(post_id, who)
    event = commands.like(found.post, likes, who.account)
    made = await house.proposed(event, [str(post_id), likes], asked(request, who, key))
    return pending(made) if isinstance(made, Pending) else done(made)


async def _follow(request: HttpRequest, who: Principal, username: str, follows: bool, key: str | None) -> Response:
    house = sharing(request)
    found = await house.accounts.named(username.lower())
    if found is None:
        raise Problem("not-found", f"there is no account {username[:100]}")
    name = found.state.name
    if name == who.account:
        raise invalid(FieldError(pointer="/path/username", detail="nobody follows oneself"))
    event = commands.follow(name, follows, who.account)
    made = await house.proposed(event, [name, follows], asked(request, who, key))
    return pending(made) if isinstance(made, Pending) else done(made)
