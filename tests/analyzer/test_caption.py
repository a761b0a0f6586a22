"""Captions asked of a real server on loopback, which answers well, badly, late and never."""

import asyncio
import logging
import socket
from collections.abc import AsyncIterator
from typing import Any

import jsonschema_rs
import pytest
from limits import RateLimitItemPerSecond
from pydantic import SecretStr

from adapters.installed import descriptors
from contracts.algorithms import Disabled
from contracts.events import TryLater
from services.analyzer.algorithm import Rendition, Unable
from services.analyzer.algorithms.caption import Caption
from services.analyzer.budget import Budget
from services.analyzer.chat import LONGEST_ANSWER
from services.settings import Analyzer, WrongSettings
from tests.captioner import (
    MODEL,
    Answer,
    Captioner,
    breaks_off,
    captioning,
    picture,
    refuses,
    says,
    says_no_http,
    sleeps,
    tells,
)

KEY = "sk-not-to-be-seen"


@pytest.fixture
async def captioner() -> AsyncIterator[Captioner]:
    async with captioning() as captioner:
        yield captioner


def small(colour: str = "red") -> Rendition:
    return Rendition("0" * 64, "small", 800, 600, "image/png", picture(colour))


def caption(captioner: Captioner, **more: Any) -> Caption:
    return Caption(Analyzer(**captioner.settings(**more)).for_network_algorithms())


async def captioned(captioner: Captioner, *badly: Answer, **more: Any) -> dict[str, Any]:
    captioner.badly["red"] = list(badly)
    async with caption(captioner, **more) as algorithm:
        return (await algorithm.analyze(small(), {})).result


# What it says


async def test_a_picture_is_shown_to_the_model_with_the_prompt_and_its_words_are_the_caption(
    captioner: Captioner,
) -> None:
    found = await captioned(captioner, caption_prompt="What is it?", caption_api_key=SecretStr(KEY))
    jsonschema_rs.validate(dict(Caption.result_schema), found)
    assert found["caption"] == "A wall, all red."
    assert found["model"] == f"{MODEL}-2026-02-01"
    assert found["tokens"] == {"prompt": 1042, "completion": 9}
    assert 0 <= found["duration_ms"] < 10_000
    (asked,) = captioner.asked
    assert (asked.model, asked.prompt, asked.media_type, asked.size) == (MODEL, "What is it?", "image/png", (800, 600))
    assert asked.authorization == f"Bearer {KEY}"


async def test_without_a_key_none_is_sent(captioner: Captioner) -> None:
    await captioned(captioner)
    assert captioner.asked[0].authorization is None


async def test_a_service_that_counts_no_tokens_and_names_no_model_is_believed_all_the_same(
    captioner: Captioner,
) -> None:
    found = await captioned(captioner, tells(usage=None, model=None))
    jsonschema_rs.validate(dict(Caption.result_schema), found)
    assert (found["model"], found["tokens"]) == (MODEL, {"prompt": None, "completion": None})


async def test_the_base_may_end_in_a_slash(captioner: Captioner) -> None:
    assert (await captioned(captioner, caption_url=f"{captioner.url}/"))["caption"] == "A wall, all red."


# Later


@pytest.mark.parametrize(
    ("answer", "after", "reason"),
    [
        (refuses(429, "slow down", Retry_After="17"), 17, "answered 429: slow down"),
        (refuses(429), None, "answered 429: no"),
        (refuses(429, Retry_After="0"), None, "429"),
        (refuses(429, Retry_After="soon"), None, "429"),
        (
            refuses(503, Date="Mon, 02 Mar 2026 10:00:00 GMT", Retry_After="Mon, 02 Mar 2026 10:01:30 GMT"),
            90,
            "answered 503",
        ),
        (refuses(503, Date="Mon, 02 Mar 2026 10:00:00 GMT", Retry_After="Mon, 02 Mar 2026 09:00:00 GMT"), None, "503"),
        (refuses(500), None, "answered 500"),
        (refuses(502), None, "answered 502"),
        (refuses(408), None, "answered 408"),
        (sleeps(5), None, "took longer than 0.5 s"),
        (breaks_off, None, "/chat/completions: "),
    ],
)
async def test_what_passes_is_later_and_retry_after_is_obeyed(
    captioner: Captioner, answer: Answer, after: float | None, reason: str
) -> None:
    with pytest.raises(TryLater, match=reason) as later:
        await captioned(captioner, answer, caption_seconds=0.5)
    assert later.value.after == after


async def test_nobody_listening_is_later() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        nobody = Captioner(url=f"http://127.0.0.1:{bound.getsockname()[1]}/v1")
        with pytest.raises(TryLater, match="/v1/chat/completions: "):
            await captioned(nobody)


# Never


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (refuses(400, "image too large"), "answered 400: image too large"),
        (refuses(401, "wrong key"), "answered 401: wrong key"),
        (refuses(404, "no such model"), "answered 404: no such model"),
        (refuses(302, Location="http://127.0.0.1:1/"), "answered 302"),
        (says(b"<html>\nBad   thing</html>", 400), "answered 400: <html> Bad thing</html>"),
        (says(b"", 403), "answered 403: nothing else"),
        (says(b"[1, 2]", 422), r"answered 422: \[1, 2\]"),
        (says(b"<html>"), "cannot be read: JSON is malformed"),
        (says(b"{}"), "cannot be read: Object missing required field `choices`"),
        (says(b'{"error": {"message": "quota"}}'), "missing required field `choices`"),
        (says(b'{"choices": []}'), "cannot be read: Expected `array` of length >= 1"),
        (tells(choices=[{"message": {"content": None}}]), "Expected `str`, got `null`"),
        (tells(choices=[{"message": {"content": [{"type": "text"}]}}]), "Expected `str`, got `array`"),
        (tells(choices=[{"message": {"content": " \n"}}]), "answered with 0 characters"),
        (tells(choices=[{"message": {"content": "x" * 10_001}}]), "answered with 10,001 characters"),
        (says(b'{"choices": [{"message": {"content": "\\ud800"}}]}'), "cannot be read"),
        (says(b" " * (LONGEST_ANSWER + 1)), "answered with more than 1,048,576 bytes"),
        (says_no_http, "/v1/chat/completions: "),
    ],
)
async def test_what_does_not_pass_is_a_failure_with_its_reason(
    captioner: Captioner, answer: Answer, reason: str
) -> None:
    with pytest.raises(Unable, match=reason) as never:
        await captioned(captioner, answer)
    assert never.value.type == "algorithm-failed"


@pytest.mark.parametrize(("status", "raised"), [(401, Unable), (429, TryLater)])
async def test_a_service_that_repeats_the_key_does_not_make_it_known(
    captioner: Captioner, status: int, raised: type[Exception]
) -> None:
    with pytest.raises(raised) as refused:
        await captioned(captioner, refuses(status, f"not {KEY}"), caption_api_key=SecretStr(KEY))
    assert "not ***" in str(refused.value)
    assert KEY not in str(refused.value)


# How many at once, and in a minute


async def test_no_more_are_asked_about_at_once_than_are_allowed(captioner: Captioner) -> None:
    captioner.badly["red"] = [sleeps(0.05)] * 20
    async with caption(captioner, caption_at_once=3) as algorithm:
        await asyncio.gather(*(algorithm.analyze(small(), {}) for _ in range(20)))
    assert (captioner.most_at_once, len(captioner.asked)) == (3, 20)


async def test_a_slow_answer_holds_up_nobody_else(captioner: Captioner) -> None:
    captioner.badly["red"] = [sleeps(5)]
    async with caption(captioner) as algorithm:
        slow = asyncio.create_task(algorithm.analyze(small("red"), {}))
        async with asyncio.timeout(4.5):
            for _ in range(10):
                await algorithm.analyze(small("blue"), {})
        assert not slow.done()
        assert (await slow).result["caption"] == "A wall, after a while."


async def test_in_no_window_is_more_spent_than_the_budget() -> None:
    budget, spent = Budget(RateLimitItemPerSecond(5)), list[float]()
    now = asyncio.get_running_loop().time

    async def spend() -> None:
        await budget.spend()
        spent.append(now())

    began = now()
    await asyncio.gather(*(spend() for _ in range(11)))
    assert all(later - earlier >= 0.95 for earlier, later in zip(spent, spent[5:], strict=False))
    assert 1.9 < now() - began < 4


# Settings


@pytest.mark.parametrize(
    ("given", "missing"),
    [({}, "CAPTION_URL"), ({"caption_url": "http://127.0.0.1:1/v1"}, "CAPTION_MODEL")],
)
def test_it_is_off_until_somebody_is_named_and_says_so(given: dict[str, str], missing: str) -> None:
    settings = Analyzer(**given)
    assert not settings.captions
    with pytest.raises(Disabled, match=f"FRAMELOG_{missing} is not set: docs/captions.md"):
        Caption(settings.for_algorithms())
    (listed,) = [one for one in descriptors(settings.for_algorithms()) if one.name == "caption"]
    assert (listed.enabled, listed.version) == (False, None)
    assert (listed.reason or "").startswith(f"FRAMELOG_{missing} is not set")
    assert set(listed.result_schema["properties"]) == {"caption", "model", "duration_ms", "tokens"}


def test_its_version_is_the_settings_and_how_it_is_asked() -> None:
    settings = Analyzer(caption_url="http://127.0.0.1:1/v1", caption_model=MODEL, caption_version=3)
    (listed,) = [one for one in descriptors(settings.for_algorithms()) if one.name == "caption"]
    assert (listed.enabled, listed.version) == (True, "301")
    assert MODEL in listed.description


def test_the_key_is_told_to_nobody_but_the_analyzer_itself(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("FRAMELOG_CAPTION_API_KEY", KEY)
    settings = Analyzer.read()
    with caplog.at_level(logging.DEBUG):
        logging.getLogger().debug("%s %r", settings, settings)
    assert KEY not in caplog.text + str(settings.for_algorithms()) + settings.model_dump_json()
    assert settings.for_network_algorithms()["caption_api_key"] == KEY


@pytest.mark.parametrize("wrong", ["127.0.0.1:8080", "ftp://127.0.0.1/", "http://", "http:///v1"])
def test_an_address_that_is_none_stops_the_start(monkeypatch: pytest.MonkeyPatch, wrong: str) -> None:
    monkeypatch.setenv("FRAMELOG_CAPTION_URL", wrong)
    with pytest.raises(WrongSettings, match="FRAMELOG_CAPTION_URL"):
        Analyzer.read()
