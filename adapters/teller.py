"""What a consumer has to say: what came of an event that it was given, and of a record that it cannot read."""

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from adapters.log import Log, OutcomeUnknown
from contracts import dead_letters, ids
from contracts.codec import Event
from contracts.events import Cause, Record, TryLater, Undecodable


class Teller:
    """Speaks for one consumer, by its `name`. Raises TryLater while the log is down, or has not confirmed."""

    def __init__(self, log: Log, name: str, now: Callable[[], datetime]) -> None:
        self._log = log
        self._name = name
        self._now = now

    async def tell(self, event: Event, event_id: UUID, of: Cause) -> None:
        """An event that follows from another, in the log when this returns."""
        cause = Cause(
            event_id=event_id,
            source=self._name,
            time=self._now(),
            request_id=of.request_id,
            causation_id=of.event_id,
            traceparent=of.traceparent,
        )
        await self._append(event, cause)

    async def bury(self, record: Record, error: Undecodable) -> None:
        """Keeps an unreadable record as a dead letter, acknowledged when this returns."""
        event_id = ids.buried(self._name, record.topic, record.partition, record.offset)
        cause = Cause(event_id=event_id, source=self._name, time=self._now())
        await self._append(dead_letters.bury(record, error, self._name), cause)

    async def _append(self, event: Event, cause: Cause) -> None:
        try:
            await self._log.append(event, cause)
        except OutcomeUnknown as unknown:
            raise TryLater(str(unknown)) from unknown
