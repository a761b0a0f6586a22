"""Topic `framelog.deliveries`: how each callback ended. Tries that end nothing are not told."""

from datetime import datetime
from typing import Annotated, Literal, assert_never
from uuid import UUID

from msgspec import Meta, Struct

from contracts.events import Slug, Text

Attempts = Annotated[int, Meta(ge=0, le=1_000_000)]
Status = Annotated[int, Meta(ge=100, le=999)]


class CallbackEnd(Struct, frozen=True, kw_only=True):
    """What both ends of a callback say; the event's own id is the delivery's and its `webhook-id`. No event itself.

    `job` is the first event that asked, `request` the one whose outcome was to be told: they differ where a job was
    tried again. `last_status` is the last HTTP status that was answered, None if none was.
    """

    job: UUID
    request: UUID
    owner: Slug
    attempts: Attempts
    last_status: Status | None = None


class CallbackDelivered(CallbackEnd, frozen=True, kw_only=True):
    """The receiver has taken it: it is never sent again."""


class CallbackGivenUp(CallbackEnd, frozen=True, kw_only=True):
    """The receiver has refused it for good, or would not take it in any of the tries."""

    reason: Text


DeliveryEvent = CallbackDelivered | CallbackGivenUp


class Delivery(Struct, frozen=True, kw_only=True):
    """A callback that has ended."""

    delivery: UUID
    request: UUID
    job: UUID
    owner: str
    state: Literal["delivered", "failed"]
    attempts: int
    last_status: int | None
    ended_at: datetime


def ended(delivery: UUID, event: DeliveryEvent, time: datetime) -> Delivery:
    """The end of a delivery, appended at `time`. The first stays: both ends share the event id."""
    match event:
        case CallbackDelivered():
            state: Literal["delivered", "failed"] = "delivered"
        case CallbackGivenUp():
            state = "failed"
        case _:
            assert_never(event)
    return Delivery(
        delivery=delivery,
        request=event.request,
        job=event.job,
        owner=event.owner,
        state=state,
        attempts=event.attempts,
        last_status=event.last_status,
        ended_at=time,
    )
