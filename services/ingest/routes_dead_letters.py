"""What admins say to dead letters."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Response
from fastapi import Request as HttpRequest

from adapters.dead_letters import DeadLetters
from adapters.http import Json
from adapters.principal import may
from adapters.read_model import Verdict
from contracts import ids
from contracts.codec import Event
from contracts.dead_letters import Letter
from contracts.permissions import Principal
from contracts.problems import Problem
from contracts.resources.dead_letters import Standing, dead_letter_json
from services.ingest import commands_dead_letters as commands
from services.ingest.answers import IdempotencyKey, answer, asked, change
from services.ingest.proposals import Proposals

ROUTES = APIRouter(tags=["admin"])

DISCARDED = ("dead-letter-settled", "it was discarded, and stays left out")
RETRIED = (
    "dead-letter-settled",
    "it was retried, and could still not be read: discard it, or start newer code, which reads it by itself",
)
READ = ("dead-letter-settled", "newer code has read the record in its place")
REJECTED = {
    "dead-letter-discarded": DISCARDED,
    "dead-letter-retried": RETRIED,
    "no-such-dead-letter": ("not-found", "there is no such dead letter"),
}
"""The fold's reason → the slug of the problem that an admin is told, and in which words."""
SETTLED = {"discarded": DISCARDED, "read": READ}

Admin = Annotated[Principal, may("administer")]
Command = Callable[[Letter, str], Event]


@dataclass(frozen=True, slots=True)
class Undertaker:
    """What these routes are made of."""

    dead_letters: DeadLetters
    proposals: Proposals


@ROUTES.post("/v1/admin/dead-letters/{letter_id}/retry", responses=change("dead-letter-settled"))
async def retry(request: HttpRequest, who: Admin, letter_id: UUID, idempotency_key: IdempotencyKey = None) -> Response:
    """Have its consumer read the record once more, by the code as it is now. For the projector once: newer code of it
    reads the record by itself."""
    return await _say(request, who, letter_id, commands.retry, SETTLED, idempotency_key)


@ROUTES.post("/v1/admin/dead-letters/{letter_id}/discard", responses=change("dead-letter-settled"))
async def discard(
    request: HttpRequest, who: Admin, letter_id: UUID, idempotency_key: IdempotencyKey = None
) -> Response:
    """Leave the record out for good: what waits behind it goes on without it."""
    return await _say(request, who, letter_id, commands.discard, SETTLED, idempotency_key)


async def _say(
    request: HttpRequest,
    who: Principal,
    letter_id: UUID,
    command: Command,
    settled: dict[str, tuple[str, str]],
    key: str | None,
) -> Response:
    house: Undertaker = request.app.state.undertaker
    again = asked(request, who, key)
    found = await _one(house, letter_id)
    event, about = command(found.letter, who.account), [command.__name__, str(letter_id)]
    if found.state in settled and not await house.proposals.seen(again, ids.requested(again.id, None, about, None)):
        raise Problem(*settled[found.state])
    made = await house.proposals.judged(event, about, again, REJECTED)
    return await answer(made, partial(_shown, house, letter_id))


async def _shown(house: Undertaker, letter_id: UUID, made: Verdict) -> Response:
    position = str(made.position)
    body = {**dead_letter_json(await _one(house, letter_id)), "position": position}
    return Json(body, headers={"Framelog-Position": position})


async def _one(house: Undertaker, letter_id: UUID) -> Standing:
    found = await house.dead_letters.one(letter_id)
    if found is None:
        raise Problem("not-found", f"there is no dead letter {letter_id}")
    return found
