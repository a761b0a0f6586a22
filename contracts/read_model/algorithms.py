"""The table `promotions`: how the current version of an algorithm lies in columns."""

from collections.abc import Sequence
from typing import Any

from contracts.algorithms import Promotion

COLUMNS = (
    ("algorithm", "text"),
    ("version", "int4"),
    ("known", "int4[]"),
    ("actor", "text"),
    ("since", "timestamptz"),
)


def values(promotion: Promotion) -> tuple[Any, ...]:
    """A row of the table, in the order of COLUMNS."""
    return (promotion.algorithm, promotion.version, list(promotion.known), promotion.actor, promotion.since)


def promotion(row: Sequence[Any]) -> Promotion:
    """The state in a row of COLUMNS."""
    algorithm, version, known, actor, since = row
    return Promotion(algorithm=algorithm, version=version, known=tuple(known), actor=actor, since=since)
