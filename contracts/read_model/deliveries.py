"""The table `deliveries`: how an ended callback lies in columns. It never changes."""

from typing import Any

from contracts.deliveries import Delivery

COLUMNS = (
    ("delivery", "uuid"),
    ("request", "uuid"),
    ("job", "uuid"),
    ("owner", "text"),
    ("state", "text"),
    ("attempts", "int4"),
    ("last_status", "int4"),
    ("ended_at", "timestamptz"),
)


def values(delivery: Delivery) -> tuple[Any, ...]:
    """A row of the table, in the order of COLUMNS."""
    return (
        *(delivery.delivery, delivery.request, delivery.job, delivery.owner, delivery.state, delivery.attempts),
        *(delivery.last_status, delivery.ended_at),
    )
