"""The one way to addresses that users name: what may be called, and the client that calls nothing else.

`docs/outbound.md` says what is refused. Images are fetched and callbacks delivered through it; nothing else of the
house goes to an address that somebody outside has chosen.
"""

from adapters.outbound.client import Answer, Outbound
from adapters.outbound.failures import BadAnswer, NotAllowed, OutboundFailed, TooLarge, Unreachable
from adapters.outbound.reading import Download
from adapters.outbound.target import Target, check_url, excepted

__all__ = [
    "Answer",
    "BadAnswer",
    "Download",
    "NotAllowed",
    "Outbound",
    "OutboundFailed",
    "Target",
    "TooLarge",
    "Unreachable",
    "check_url",
    "excepted",
]
