"""What the routes of sharing are made of: proposals about posts and follows, and what the log makes of them."""

from dataclasses import dataclass
from uuid import UUID

from fastapi import Request as HttpRequest
from fastapi import Response

from adapters.accounts import Accounts
from adapters.posts import Posts
from adapters.read_model import Verdict
from contracts.codec import Event
from contracts.permissions import Principal
from contracts.problems import Problem
from contracts.resources.posts import Shown
from services.ingest.proposals import Pending, Proposals, Request
from services.ingest.write import Writer

REJECTED = {
    "post-exists": ("idempotency-key-reuse", "a post was made by this request already"),
    "post-not-found": ("not-found", "there is no such post"),
    "post-deleted": ("not-found", "the post is deleted"),
    "version-mismatch": ("version-mismatch", "it is not at the version you sent in If-Match; read it again"),
}
"""The fold's reason → the slug of the problem that a client is told, and in which words."""


@dataclass(frozen=True, slots=True)
class Sharing:
    """What these routes are made of."""

    posts: Posts
    accounts: Accounts
    writer: Writer
    proposals: Proposals

    async def proposed(self, event: Event, about: object, request: Request) -> Verdict | Pending:
        """What the log makes of a request. Raises Problem for its no."""
        return await self.proposals.judged(event, about, request, REJECTED)

    async def shown(self, post_id: UUID, who: Principal) -> Shown:
        """A post that everybody sees. Raises the Problem `not-found`."""
        found = await self.posts.one(post_id, who.account)
        if found is None:
            raise Problem("not-found", f"there is no post {post_id}")
        return found


def sharing(request: HttpRequest) -> Sharing:
    found: Sharing = request.app.state.sharing
    return found


def done(verdict: Verdict) -> Response:
    return Response(status_code=204, headers={"Framelog-Position": str(verdict.position)})
