"""Topic `framelog.algorithms`: which version of an algorithm is current. And what an installed one says of itself."""

from collections.abc import Mapping
from datetime import datetime

from msgspec import Struct

from contracts.events import Json, Rejected, Slug, Version

GROUP = "framelog.algorithms"
"""Entry points of this group are algorithms, those of other packages too. They run in decoders."""
NETWORK_GROUP = "framelog.network_algorithms"
"""Entry points of this group are algorithms that ask services. They run in the analyzer itself."""

Schema = Mapping[str, Json]


class Disabled(Exception):
    """Raised by an algorithm's constructor: it cannot run here, and why."""


class Descriptor(Struct, frozen=True, kw_only=True):
    """An algorithm as the API lists it. `reason` says why it is not enabled; what cannot be loaded has no schemas."""

    name: str
    version: str | None
    enabled: bool
    reason: str | None
    description: str
    params_schema: Schema
    result_schema: Schema


class VersionPromoted(Struct, frozen=True, kw_only=True):
    """From now on the results of this version speak for the algorithm. `expected` is the version that spoke before: 0
    for none, None where that may have been any."""

    algorithm: Slug
    version: Version
    actor: Slug
    expected: Version | None = None

    @property
    def owner(self) -> str:
        """Whose event it is, as every event of an image says too."""
        return self.actor


class Promotion(Struct, frozen=True, kw_only=True):
    """Which version of an algorithm is current, since when; `known` are all that ever were, the first one first."""

    algorithm: str
    version: int
    known: tuple[int, ...]
    actor: str
    since: datetime


def apply(promotion: Promotion | None, event: VersionPromoted, time: datetime) -> Promotion | Rejected:
    """Fold one event, appended at `time`, into the promotion of its algorithm. Pure.

    Rejected reasons: `version-mismatch`.
    """
    current = promotion.version if promotion else 0
    if event.expected not in (None, current):
        return Rejected("version-mismatch")
    if promotion and current == event.version:
        return promotion
    known = promotion.known if promotion else ()
    return Promotion(
        algorithm=event.algorithm,
        version=event.version,
        known=known if event.version in known else (*known, event.version),
        actor=event.actor,
        since=time,
    )
