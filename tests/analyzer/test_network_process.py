"""The analyzer that asks services as a process: who is put off holds up nobody, and every cause gets its outcome."""

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from contracts import ids
from contracts.analyses import AnalysisCompleted, AnalysisFailed, AnalysisStarted
from contracts.codec import Event
from contracts.events import Recorded
from contracts.images import Wanted
from tests import events
from tests.analyzer.test_worker_process import ANALYZER, Line, outcomes_of
from tests.analyzer.test_worker_process import line as line  # a fixture
from tests.captioner import Captioner, captioning, picture, refuses, sleeps
from tests.events import uid
from tests.running import House

WANTED = (Wanted(algorithm="metadata"), Wanted(algorithm="caption"))
KEY = "sk-not-to-be-seen"


@pytest.fixture
async def captioner() -> AsyncIterator[Captioner]:
    async with captioning() as captioner:
        yield captioner


async def upload(line: Line, name: str, data: bytes) -> None:
    content = await line.keep(data)
    await line.say(events.uploaded(uid(name), content=content, wanted=WANTED), name)


def network(captioner: Captioner, **settings: object) -> dict[str, object]:
    return {"group": "network", "analyzer_children": 1, **captioner.settings(**settings)}


def ended(told: list[Recorded[Event]]) -> dict[object, Event]:
    return {one.event.image_id: one.event for one in told if not isinstance(one.event, AnalysisStarted)}


async def test_a_cause_is_taken_in_hand_and_captioned_and_another_version_is_another_fact(
    line: Line, captioner: Captioner
) -> None:
    await upload(line, "first", picture("red"))
    async with line.house.run(ANALYZER, **network(captioner)):
        started, completed = await line.told(1)
    assert isinstance(completed.event, AnalysisCompleted)
    assert started.event.wanted == completed.event.wanted == WANTED[1:]
    assert completed.cause.event_id == ids.outcome(uid("first"), "network")
    (result,) = completed.event.results
    assert (result.version, result.result["caption"]) == (101, "A wall, all red.")
    await upload(line, "again", picture("red"))
    await upload(line, "more", picture("red", shade=1))
    async with line.house.run(ANALYZER, **network(captioner, caption_version=2)):
        told = await line.told(3)
    assert [one.event.results[0].version for one in told if isinstance(one.event, AnalysisCompleted)] == [101, 201, 201]


async def test_those_that_are_put_off_and_those_that_are_slow_hold_up_nobody(line: Line, captioner: Captioner) -> None:
    captioner.badly["red"] = [refuses(429, "busy", Retry_After="3")]
    captioner.badly["green"] = [sleeps(4)]
    await upload(line, "red", picture("red"))
    await upload(line, "green", picture("green"))
    for shade in range(200):
        await upload(line, f"blue {shade}", picture("blue", shade % 4))
    async with line.house.run(ANALYZER, **network(captioner, caption_seconds=20)):
        began = time.monotonic()
        told = await line.told(200)
        assert {uid("red"), uid("green")}.isdisjoint(ended(told))
        told = await line.told(202)
        took = time.monotonic() - began
    assert captioner.count("blue") == 4
    assert captioner.count("red") == 2
    assert 3 < took < 60
    assert isinstance(ended(told)[uid("red")], AnalysisCompleted)
    starts = [one for one in told if isinstance(one.event, AnalysisStarted) and one.event.image_id == uid("red")]
    assert len(starts) == 1, "the log is told once that a cause is in hand, however often it is put off"


async def test_a_failure_with_its_reason_and_the_key_nowhere(line: Line, captioner: Captioner, capfd: Any) -> None:
    captioner.badly["red"] = [refuses(401, f"{KEY} is wrong")]
    await upload(line, "red", picture("red"))
    async with line.house.run(ANALYZER, **network(captioner, caption_api_key=KEY, log_level="DEBUG")):
        _, failed = await line.told(1)
    assert isinstance(failed.event, AnalysisFailed)
    (failure,) = failed.event.failures
    assert failure.type == "algorithm-failed"
    assert failure.detail.endswith("answered 401: *** is wrong")
    said = capfd.readouterr()
    assert '"analyzed"' in said.out + said.err
    assert KEY not in said.out + said.err


async def test_a_kill_in_the_middle_leaves_one_outcome_and_asks_about_no_picture_twice_that_was_answered(
    line: Line, captioner: Captioner
) -> None:
    for shade in range(40):
        await upload(line, f"{shade}", picture("blue", shade))
    first = await line.house.start(ANALYZER, **network(captioner, caption_at_once=2))
    await line.told(5)
    first.kill()
    await first.wait()
    async with line.house.run(ANALYZER, **network(captioner)):
        told = await line.told(40)
    assert outcomes_of(told) == {uid(str(shade)): {ids.outcome(uid(str(shade)), "network")} for shade in range(40)}
    assert captioner.count("blue") <= 42  # two were being asked about


async def test_where_nobody_is_named_the_outcome_says_so(line: Line) -> None:
    await upload(line, "red", picture("red"))
    async with line.house.run(ANALYZER, group="network", analyzer_children=1):
        _, failed = await line.told(1)
    (failure,) = failed.event.failures
    assert failure.type == "algorithm-disabled"
    assert failure.detail.startswith("caption does not run: FRAMELOG_CAPTION_URL is not set")


async def test_another_model_under_the_same_version_does_not_start(line: Line, captioner: Captioner) -> None:
    await upload(line, "red", picture("red"))
    async with line.house.run(ANALYZER, **network(captioner)):
        await line.told(1)
    other = line.house.environment(**network(captioner, caption_model="larger-vl"))
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", ANALYZER, env=other, stderr=asyncio.subprocess.PIPE
    )
    _, error = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 2
    assert b"so raise it; see docs/captions.md" in error


async def test_an_analyzer_that_asks_does_not_start_without_object_storage_and_says_so(
    house: House, captioner: Captioner
) -> None:
    environment = house.environment(**network(captioner), s3="http://127.0.0.1:1")
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", ANALYZER, env=environment, stderr=asyncio.subprocess.PIPE
    )
    _, error = await asyncio.wait_for(process.communicate(), 30)
    assert (process.returncode, b"framelog doctor" in error) == (3, True)
