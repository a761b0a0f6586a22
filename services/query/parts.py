"""What the reading routes are made of, and what all of them share."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from fastapi import Depends, Header
from starlette.requests import Request

from adapters.accounts import Accounts
from adapters.algorithms import Algorithms
from adapters.dead_letters import DeadLetters
from adapters.fresh import WAIT_SECONDS, Fresh
from adapters.jobs import Jobs
from adapters.keys import Keys
from adapters.posts import Posts
from adapters.promotions import Promotions
from adapters.read_model import ReadModel
from contracts.events import Position
from contracts.problems import FieldError, Problem, invalid
from contracts.topics import TOPICS
from services.query.ready import Readiness
from services.query.streams import Streams
from services.query.verified import VerifiedBytes

FRESH = {"Cache-Control": "private, no-cache"}
"""Headers of JSON, which is never served from a cache unasked."""


@dataclass(frozen=True, slots=True)
class Reading:
    read_model: ReadModel
    fresh: Fresh
    stored: VerifiedBytes
    algorithms: Algorithms
    readiness: Readiness
    accounts: Accounts
    posts: Posts
    jobs: Jobs
    keys: Keys
    now: Callable[[], datetime]
    streams: Streams
    dead_letters: DeadLetters
    promotions: Promotions


After = Annotated[
    str | None,
    Header(
        description="A position; the answer is at least as new as it",
        json_schema_extra={"pattern": r"^[a-z.-]+:[0-9]+:[0-9]+$"},
    ),
]


async def _as_they_are(request: Request) -> Reading:
    found: Reading = request.app.state.query
    return found


async def _after(request: Request, framelog_after: After = None) -> Reading:
    """Once the read model has the record at the position a write answered. Raises Problem `behind`."""
    parts = await _as_they_are(request)
    if framelog_after is not None:
        position = _position(framelog_after)
        end = Position(position.topic, position.partition, position.offset + 1)
        if not await parts.read_model.reached(end, WAIT_SECONDS):
            raise Problem("behind", f"the read model has not reached {position}", headers={"Retry-After": "1"})
    return parts


PartsAsTheyAre = Annotated[Reading, Depends(_as_they_are)]
Parts = Annotated[Reading, Depends(_after)]
"""These wait for what a client wants to see in the answer."""


def _position(text: str) -> Position:
    try:
        position = Position.parse(text)
    except ValueError:
        raise _no_position("a position is topic:partition:offset") from None
    partitions: Sequence[int] = [one.partitions for one in TOPICS if one.name == position.topic]
    if not partitions or position.partition >= partitions[0]:
        raise _no_position("there is no such topic and partition")
    return position


def _no_position(detail: str) -> Problem:
    return invalid(FieldError(pointer="/header/framelog-after", detail=detail))
