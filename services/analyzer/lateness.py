"""How long *later* is long enough."""

from collections.abc import Callable
from dataclasses import dataclass

from cachetools import TTLCache

from contracts.events import TryLater

MOST_SECONDS = 15 * 60.0
MOST_REMEMBERED = 10_000  # questions, of at most 1,000 in hand; one forgotten is begun anew


@dataclass(slots=True)
class _Put_off:
    since: float
    times: int = 0


class Lateness:
    """What has been put off, since when, and how often. `clock` is in seconds, from any beginning."""

    def __init__(self, clock: Callable[[], float], most: float = MOST_SECONDS) -> None:
        self._clock = clock
        self._most = most
        self._put_off: TTLCache[str, _Put_off] = TTLCache(MOST_REMEMBERED, ttl=2 * most, timer=clock)

    def overdue(self, question: str, later: TryLater) -> str | None:
        """Counts one more *later*. Why the question must not be asked again; None while it may.

        A service that asks for more patience than is left is not waited for.
        """
        now = self._clock()
        put_off = self._put_off.setdefault(question, _Put_off(now))
        put_off.times += 1
        if now + (later.after or 0.0) < put_off.since + self._most:
            return None
        self.settled(question)
        asked = f"asked {put_off.times} times in {(now - put_off.since) / 60:.0f} min"
        wait = f", and to be left alone for {later.after:.0f} s more" if later.after else ""
        return f"{asked}{wait}; the last answer: {later}"

    def settled(self, question: str) -> None:
        """It is put off no longer."""
        self._put_off.pop(question, None)
