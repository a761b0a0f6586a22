"""What the routes of sharing are made of: proposals about posts and follows, and what the log makes of them."""

from dataclasses import dataclass
from uuid import UUID

from fastapi import Request as HttpRequest
from fastapi import Response

from adapters.accounts import Accounts
from adapters.posts import Posts
from adapters.read_model import ReadModel, Verdict
from contracts import ids
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
    read_model: ReadModel

    async def proposed(self, event: Event, about: object, request: Request) -> Verdict | Pending:
        """The verdict on a new event, or on the one this request has made before. Raises Problem for a no."""
        event_id = ids.requested(request.id, request.if_match, about, None)
        verdict = await self.seen(request, event_id) or await self.proposals.propose(event, event_id, request)
        if isinstance(verdict, Verdict) and verdict.reason:
            raise Problem(*REJECTED[verdict.reason])
        return verdict

    async def seen(self, request: Request, event_id: UUID) -> Verdict | None:
        found = await self.read_model.of_request(request.id) if request.keyed else None
        if found and found.event_id != event_id:
            raise Problem("idempotency-key-reuse", "this key was used for a request with other contents")
        return found

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
