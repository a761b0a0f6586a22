"""One try of one callback: signed per Standard Webhooks, sent, judged; the log is told how it ended."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from standardwebhooks import Webhook
from tenacity import AsyncRetrying, retry_if_exception_type, wait_exponential_jitter

from adapters.accounts import Accounts
from adapters.keys import Keys
from adapters.log import Log, OutcomeUnknown
from adapters.outbound import Answer, Outbound, OutboundFailed
from adapters.tracing import span, trace_of
from contracts.deliveries import CallbackDelivered, CallbackGivenUp, DeliveryEvent
from contracts.events import Cause, TryLater
from services.notifier.feed import Feed
from services.notifier.queue import Again
from services.notifier.schedule import Later, Refused, Taken, judged
from services.notifier.waiting import Callback, Waiting

NAME = "notifier"
BOTH_SIGN = timedelta(days=1)
"""For so long after a rotation the secret before it signs too."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """`retries` are the seconds before each try, `seconds` the longest one may take; `jitter` draws from [0, 1)."""

    retries: Sequence[float]
    seconds: float
    now: Callable[[], datetime]
    jitter: Callable[[], float]


class Delivering:
    def __init__(
        self,
        waiting: Waiting,
        feed: Feed,
        accounts: Accounts,
        keys: Keys,
        outbound: Outbound,
        log: Log,
        manner: Manner,
    ) -> None:
        self._waiting = waiting
        self._feed = feed
        self._accounts = accounts
        self._keys = keys
        self._outbound = outbound
        self._log = log
        self._manner = manner

    async def attempt(self, delivery: UUID) -> None:
        """Raises Again where another try is due, TryLater and Problem where this one could not be made.

        Nothing is sent that the log holds as ended. Between the answer and the log's word on it a crash repeats the
        try: a callback arrives at least once.
        """
        callback = await self._waiting.find(delivery)
        if callback and not await self._feed.delivered([delivery]):
            with span("POST callback", "CLIENT", callback.traceparent, {"messaging.message.id": str(delivery)}) as here:
                traced = replace(callback, traceparent=here.traceparent)
                await self._conclude(traced, await self._sent(traced))
        await self._waiting.forget(delivery)

    async def _conclude(self, callback: Callback, answer: Answer | OutboundFailed) -> None:
        manner, tries = self._manner, callback.attempts + 1
        found = judged(answer, tries, manner.retries, manner.now(), manner.jitter())
        logger.info("tried", extra=_line(callback, tries, found))
        if isinstance(found, Later):
            await self._waiting.tried(callback, found)
            raise Again(found.at)
        await self._tell(_end(callback, tries, found), callback)

    async def _sent(self, callback: Callback) -> Answer | OutboundFailed:
        headers = await self._headers(callback)
        try:
            return await self._outbound.post(callback.url, callback.body, headers, self._manner.seconds)
        except OutboundFailed as error:
            return error

    async def _headers(self, callback: Callback) -> dict[str, str]:
        """https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md"""
        now, id_ = self._manner.now(), str(callback.delivery)
        secrets = await self._secrets(callback.owner, now)
        signatures = [Webhook(secret).sign(id_, now, callback.body.decode()) for secret in secrets]
        headers = {
            "Content-Type": "application/json",
            "webhook-id": id_,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": " ".join(signatures),
        }
        if callback.traceparent:
            headers["traceparent"] = callback.traceparent
        if callback.sealed_token:
            token = self._keys.callback_token(callback.owner, callback.sealed_token)
            headers["Authorization"] = f"Bearer {token}"
        return headers

    async def _secrets(self, owner: str, now: datetime) -> list[str]:
        """The newest first."""
        found = await self._accounts.named(owner)
        assert found is not None  # who asked for a callback had an account
        generation, rotated_at = found.state.webhook_generation, found.state.webhook_rotated_at
        both = rotated_at is not None and now - rotated_at < BOTH_SIGN
        generations = (generation, generation - 1) if both else (generation,)
        return [self._keys.webhook_secret(owner, one) for one in generations]

    async def _tell(self, event: DeliveryEvent, callback: Callback) -> None:
        """However long the log is down: whoever gave up here would send again."""
        cause = Cause(
            event_id=callback.delivery,
            source=NAME,
            time=self._manner.now(),
            causation_id=event.request,
            traceparent=callback.traceparent,
        )
        patiently = AsyncRetrying(
            retry=retry_if_exception_type((TryLater, OutcomeUnknown)),
            wait=wait_exponential_jitter(multiplier=0.2, max=5),
        )
        await patiently(self._log.append, event, cause)


def _end(callback: Callback, tries: int, found: Taken | Refused) -> DeliveryEvent:
    if isinstance(found, Taken):
        return CallbackDelivered(
            job=callback.job,
            request=callback.request,
            owner=callback.owner,
            attempts=tries,
            last_status=found.status,
        )
    return CallbackGivenUp(
        job=callback.job,
        request=callback.request,
        owner=callback.owner,
        attempts=tries,
        last_status=found.status,
        reason=found.reason,
    )


def _line(callback: Callback, tries: int, found: Taken | Refused | Later) -> dict[str, object]:
    """Never the address: it may hold a secret."""
    return {
        "trace": trace_of(callback.traceparent),
        "delivery": callback.delivery,
        "job": callback.job,
        "attempts": tries,
        "status": found.status,
        "ended": not isinstance(found, Later),
    }
