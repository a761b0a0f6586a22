"""What an answer means for a callback, and when the next try is."""

from datetime import timedelta
from itertools import accumulate

import pytest

from adapters.outbound import Answer, NotAllowed, Unreachable
from services.notifier.schedule import Later, Refused, Taken, judged
from services.settings import Notifier
from tests.events import NOON

RETRIES: tuple[float, ...] = Notifier.model_fields["callback_retries"].default


def answer(status: int, retry_after: str | None = None) -> Answer:
    return Answer(status, {} if retry_after is None else {"Retry-After": retry_after})


def pause(given: Answer | Unreachable, tries: int = 1, jitter: float = 0.0) -> timedelta:
    found = judged(given, tries, RETRIES, NOON, jitter)
    assert isinstance(found, Later)
    return found.at - NOON


@pytest.mark.parametrize("status", [200, 202, 204, 299])
def test_every_2xx_is_success(status: int) -> None:
    assert judged(answer(status), 1, RETRIES, NOON, 0.5) == Taken(status)


def test_the_tries_are_spread_over_more_than_three_days() -> None:
    pauses = [pause(answer(500), tries).total_seconds() for tries in range(1, 10)]
    assert pauses == [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400]
    assert timedelta(seconds=list(accumulate(pauses))[-1]) > timedelta(days=3)


def test_the_tenth_try_is_the_last() -> None:
    found = judged(answer(503), 10, RETRIES, NOON, 0)
    assert found == Refused(503, "the receiver answered 503; that was the last of 10 tries")


@pytest.mark.parametrize("status", [301, 302, 307, 308, 400, 404, 429, 500, 599])
def test_anything_else_is_tried_again(status: int) -> None:
    assert isinstance(judged(answer(status), 1, RETRIES, NOON, 0), Later)


def test_nobody_answered_is_tried_again_and_has_no_status() -> None:
    found = judged(Unreachable("it took longer than 15 s"), 1, RETRIES, NOON, 0)
    assert isinstance(found, Later)
    assert found.status is None
    last = judged(Unreachable("it took longer than 15 s"), 10, RETRIES, NOON, 0)
    assert last == Refused(None, "it took longer than 15 s; that was the last of 10 tries")


def test_410_and_an_address_that_may_not_be_called_end_it_at_once() -> None:
    assert judged(answer(410), 1, RETRIES, NOON, 0) == Refused(410, "the receiver answered 410")
    assert judged(NotAllowed("it is private"), 1, RETRIES, NOON, 0) == Refused(None, "it is private")


def test_jitter_draws_a_pause_out_by_at_most_a_tenth() -> None:
    assert pause(answer(500), 2, jitter=0.5) == timedelta(seconds=315)
    assert pause(answer(500), 2, jitter=0.999) < timedelta(seconds=330)


@pytest.mark.parametrize(
    ("asked", "seconds"),
    [
        ("120", 120),
        ("1", 5),
        ("Sun, 01 Mar 2026 12:10:00 GMT", 600),
        ("Sun, 01 Mar 2026 11:00:00 GMT", 5),
        ("99999999999999999999", 86_400),
        ("-1", 5),
        ("soon", 5),
        ("", 5),
        ("Sun, 01 Mar 2026 12:10:00", 5),
        ("Sun, 01 Mar 99999 12:10:00 GMT", 5),
    ],
)
def test_retry_after_can_make_a_pause_longer_and_never_shorter_or_endless(asked: str, seconds: float) -> None:
    assert pause(answer(503, asked)) == timedelta(seconds=seconds)
