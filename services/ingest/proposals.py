"""A write is a proposal: append its event, then ask the read model what the log makes of it."""

from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from adapters.log import Appended, Log, OutcomeUnknown
from adapters.read_model import ReadModel, Verdict
from contracts import ids
from contracts.codec import Event
from contracts.events import Cause, Position, TryLater
from contracts.permissions import Principal
from contracts.problems import Problem

VERDICT_SECONDS = 5.0
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Who asks, and the id under which every retry is the same request. `keyed` where the client chose it."""

    id: UUID
    who: Principal
    keyed: bool
    if_match: str | None = None
    traceparent: str | None = None

    @property
    def actor(self) -> str:
        return self.who.account


@dataclass(frozen=True, slots=True)
class Pending:
    """A durable write whose verdict the read model does not know yet."""

    event_id: UUID
    position: Position


class Proposals:
    """Raises TryLater while the log is down, and the Problem `outcome-unknown` where it has not confirmed in time."""

    def __init__(self, log: Log, read_model: ReadModel, now: Callable[[], datetime]) -> None:
        self._log = log
        self._read_model = read_model
        self._now = now

    async def append(self, event: Event, event_id: UUID, request: Request) -> Appended:
        """The event, durable; nobody has judged it yet."""
        cause = Cause(
            event_id=event_id,
            source="ingest",
            time=self._now(),
            request_id=request.id,
            traceparent=request.traceparent,
        )
        try:
            return await self._log.append(event, cause)
        except OutcomeUnknown:
            raise Problem(
                "outcome-unknown",
                "the log did not confirm in time; the same request with the same Idempotency-Key is safe",
                headers={"Retry-After": "1"},
                event_id=str(event_id),
            ) from None

    async def judged(
        self, event: Event, about: object, request: Request, rejected: Mapping[str, tuple[str, str]]
    ) -> Verdict | Pending:
        """The verdict on a new event, or on the one this request has made before.

        Raises Problem for a no: `rejected` has the slug and the words for each of the fold's reasons.
        """
        event_id = ids.requested(request.id, request.if_match, about, None)
        verdict = await self.seen(request, event_id) or await self.propose(event, event_id, request)
        if isinstance(verdict, Verdict) and verdict.reason:
            raise Problem(*rejected[verdict.reason])
        return verdict

    async def seen(self, request: Request, event_id: UUID) -> Verdict | None:
        """The verdict on what this request has made before. Raises Problem if that was another event."""
        found = await self._read_model.of_request(request.id) if request.keyed else None
        if found and found.event_id != event_id:
            raise reused()
        return found

    async def refuse_reuse(self, request: Request, event_ids: Collection[UUID]) -> None:
        """Raises Problem where this request has made an event before that is none of these."""
        found = await self._read_model.of_request(request.id) if request.keyed else None
        if found and found.event_id not in event_ids:
            raise reused()

    async def propose(self, event: Event, event_id: UUID, request: Request) -> Verdict | Pending:
        """The fold's verdict, if the read model has it within 5 s."""
        appended = await self.append(event, event_id, request)
        stands = Pending(event_id, appended.position)
        return await or_pending(stands, self._read_model.verdict(event_id, VERDICT_SECONDS)) or stands


async def or_pending(made: Verdict | Pending, shown: Awaitable[T]) -> T | Pending:
    """What is shown of a write; that it is pending where nothing can be shown just now: it stands, so no answer may
    say that it could not be taken."""
    try:
        return await shown
    except TryLater:
        return Pending(made.event_id, made.position)


def reused() -> Problem:
    return Problem("idempotency-key-reuse", "this key was used for a request with other contents")
