"""Whether a try has ended a callback, and when the next one is. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime

from adapters.outbound import NotAllowed, OutboundFailed
from adapters.outbound.client import Answer

GONE = 410
JITTER = 0.1
MOST_PATIENCE = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Taken:
    """The receiver has it."""

    status: int


@dataclass(frozen=True, slots=True)
class Refused:
    """Nobody will ever take it. `status` is None where nobody answered."""

    status: int | None
    reason: str


@dataclass(frozen=True, slots=True)
class Later:
    status: int | None
    at: datetime


def judged(
    answer: Answer | OutboundFailed, tries: int, retries: Sequence[float], now: datetime, jitter: float
) -> Taken | Refused | Later:
    """What the answer to try number `tries` means, the first being 1.

    `retries` are the seconds before each try; `jitter` in [0, 1) draws the next one out by up to a tenth. 2xx is
    success; 410 and an address that may not be called end it; `Retry-After` (RFC 9110, section 10.2.3) can make the
    pause longer, by up to 24 h.
    """
    status = answer.status if isinstance(answer, Answer) else None
    if status is not None and 200 <= status < 300:
        return Taken(status)
    if status == GONE or isinstance(answer, NotAllowed):
        return Refused(status, _why(answer))
    if tries >= len(retries):
        return Refused(status, f"{_why(answer)}; that was the last of {tries} tries")
    pause = timedelta(seconds=retries[tries] * (1 + JITTER * jitter))
    asked = _retry_after(answer.headers.get("Retry-After", ""), now) if isinstance(answer, Answer) else timedelta()
    return Later(status, now + max(pause, min(asked, MOST_PATIENCE)))


def _why(answer: Answer | OutboundFailed) -> str:
    return f"the receiver answered {answer.status}" if isinstance(answer, Answer) else str(answer)


def _retry_after(text: str, now: datetime) -> timedelta:
    """Seconds or a date; nothing where it is neither."""
    if text.isascii() and text.isdigit():
        return timedelta(seconds=min(int(text[:9]), MOST_PATIENCE.total_seconds()))
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return timedelta()
    return at - now if at.tzinfo else timedelta()
