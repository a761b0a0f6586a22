"""How often somebody may try to sign in or sign up, counted per process."""

import math
from collections.abc import Callable

from limits import RateLimitItem, RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from contracts.problems import Problem

LOG_INS_PER_ADDRESS = RateLimitItemPerMinute(60)
LOG_INS_PER_NAME = RateLimitItemPerMinute(20)
SIGN_UPS_PER_ADDRESS = RateLimitItemPerMinute(30)


class Throttle:
    """Raises the Problem `rate-limited`, which says when to come again. `clock` is in seconds since 1970."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._limiter = MovingWindowRateLimiter(MemoryStorage())

    def log_in(self, address: str, name: str) -> None:
        """One name is tried from one address: from elsewhere its owner still gets in."""
        self._count(LOG_INS_PER_ADDRESS, "log-in", address)
        self._count(LOG_INS_PER_NAME, "log-in", address, name)

    def sign_up(self, address: str) -> None:
        self._count(SIGN_UPS_PER_ADDRESS, "sign-up", address)

    def _count(self, limit: RateLimitItem, *what: str) -> None:
        if self._limiter.hit(limit, *what):
            return
        again = self._limiter.get_window_stats(limit, *what).reset_time
        seconds = max(1, math.ceil(again - self._clock()))
        raise Problem("rate-limited", f"Try again in {seconds} s.", headers={"Retry-After": str(seconds)})
