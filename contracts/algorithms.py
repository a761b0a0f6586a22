"""What an installed algorithm says of itself, wherever it runs."""

from collections.abc import Mapping

from msgspec import Struct

from contracts.events import Json

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
