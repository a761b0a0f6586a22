"""A process without HTTP of its own says whether it lives, whether it is at work, and its metrics."""

import asyncio
import time
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest

from adapters import vitals
from adapters.vitals import PATHS, STILL_SECONDS, Vitals, serve
from tests.waiting import until


@pytest.fixture
def itself() -> Vitals:
    return Vitals()


@pytest.fixture
def address(itself: Vitals) -> Iterator[str]:
    server = serve("127.0.0.1:0", itself)
    assert server is not None
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def answer(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=5) as answered:
            return answered.status, answered.read().decode()
    except urllib.error.HTTPError as refused:
        return refused.code, refused.read().decode()


def test_it_is_at_work_once_it_says_so(itself: Vitals, address: str) -> None:
    assert answer(f"{address}/readyz") == (503, "not at work yet\n")
    itself.begun = True
    assert answer(f"{address}/readyz?verbose=1") == (200, "ready\n")


def test_it_lives_while_its_loop_turns(itself: Vitals, address: str) -> None:
    assert answer(f"{address}/livez") == (200, "ok\n")
    itself.turned = time.monotonic() - STILL_SECONDS
    assert answer(f"{address}/livez") == (503, "the event loop stands still\n")


async def test_a_loop_says_that_it_turns(itself: Vitals, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vitals, "TURN_SECONDS", 0.01)
    itself.follow(asyncio.get_running_loop())
    before = itself.turned
    time.sleep(0.05)  # noqa: ASYNC251  # the loop stands still
    assert itself.turned == before
    await until(lambda: itself.turned > before)


def test_metrics_are_where_prometheus_looks_and_nothing_is_elsewhere(address: str) -> None:
    status, text = answer(f"{address}/metrics")
    assert (status, "# HELP framelog_messages_total" in text) == (200, True)
    assert answer(f"{address}/v1/images")[0] == 404
    assert [answer(f"{address}{path}")[0] for path in PATHS] == [200, 503, 200]


def test_nobody_answers_where_nobody_was_told_to() -> None:
    assert serve("") is None
