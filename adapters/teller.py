"""What a consumer has to say: what came of an event that it was given, and of a record that it cannot read."""

import logging
from collections.abc import Awaitable, Callable
from datetime import datetime
from uuid import UUID

from adapters.log import Log, OutcomeUnknown
from adapters.metrics import DEAD_LETTERS, UNREADABLE
from contracts import dead_letters, ids
from contracts.codec import Event, decode
from contracts.dead_letters import RetryRequested
from contracts.events import Cause, Record, Recorded, TryLater, Undecodable
from contracts.topics import DEAD_LETTERS as TOPIC

logger = logging.getLogger(__name__)

Handle = Callable[[Recorded[Event]], Awaitable[None]]
RETRIES = {TOPIC.name: 2}
"""The window of what a consumer reads besides its own topics, so that its dead letters can be retried."""


class Teller:
    """Speaks for one consumer, by its `name`. Raises TryLater while the log is down, or has not confirmed."""

    def __init__(self, log: Log, name: str, now: Callable[[], datetime]) -> None:
        self._log = log
        self._name = name
        self._now = now
        for reason in UNREADABLE:
            DEAD_LETTERS.labels(name, reason)

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
        DEAD_LETTERS.labels(self._name, error.reason).inc()

    def again(self, handle: Handle) -> Handle:
        """`handle`, which is also given the originals of this consumer's dead letters that somebody wants retried."""

        async def handled(recorded: Recorded[Event]) -> None:
            event = recorded.event
            if not isinstance(event, RetryRequested):
                await handle(recorded)
            elif event.consumer == self._name and event.original:
                try:
                    await handle(decode(event.original.record()))
                except Undecodable as error:
                    logger.error("still unreadable: %s", error)

        return handled

    async def _append(self, event: Event, cause: Cause) -> None:
        try:
            await self._log.append(event, cause)
        except OutcomeUnknown as unknown:
            raise TryLater(str(unknown)) from unknown
