"""Decoders that do not survive a picture, or are not even begun: no neighbour fails with it."""

import asyncio
import hashlib
import os
import signal
import sys
from asyncio.subprocess import PIPE
from collections import Counter
from dataclasses import replace
from pathlib import Path

import msgspec
import psutil
import pytest
from PIL import Image

from contracts.events import Json, TryLater
from services.analyzer.analysis import Analysis
from tests import pictures
from tests.analyzer.library import SMALL, Library, decoders, types, wanted
from tests.analyzer.looking import HOUSE, WANTED

# Children that die


async def test_a_child_killed_from_outside_costs_nothing(library: Library, analysis: Analysis) -> None:
    slow = asyncio.create_task(analysis.find(**library.add(SMALL), wanted=wanted("sleeps", seconds=1)))
    await asyncio.sleep(0.5)
    for child in decoders():
        child.kill()
    assert (await slow).results[0].result == {"slept": True}


async def test_an_idle_child_may_be_killed(library: Library, analysis: Analysis) -> None:
    for seed in range(4):
        data = pictures.photograph(60, 40, seed)
        assert (await analysis.find(**library.add(data), wanted=wanted("hash"))).failures == []
        for child in decoders():
            child.kill()


async def test_a_picture_is_tried_once_more_alone(library: Library, tmp_path: Path) -> None:
    setup = replace(library.setup, settings={"dies_once": str(tmp_path / "died")})
    async with Analysis(setup, 2) as analysis:
        found = await analysis.find(**library.add(SMALL), wanted=wanted("dies"))
    assert found.results[0].result == {"survived": True}


async def test_the_second_try_waits_until_every_other_decoder_is_idle(library: Library, tmp_path: Path) -> None:
    setup = replace(library.setup, settings={"dies_once": str(tmp_path / "died")})
    ended: list[str] = []

    async def find(algorithm: str, **params: Json) -> None:
        await analysis.find(**library.add(SMALL), wanted=wanted(algorithm, **params))
        ended.append(algorithm)

    async with Analysis(setup, 2) as analysis:
        await asyncio.gather(find("sleeps", seconds=3), find("dies"))
    assert ended == ["sleeps", "dies"]


@pytest.mark.parametrize("signal_", [signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT])
async def test_a_picture_that_kills_its_decoder_fails_alone(
    library: Library, analysis: Analysis, signal_: signal.Signals
) -> None:
    neighbours = [library.add(pictures.photograph(100, 80, seed)) for seed in range(6)]
    deadly = analysis.find(**library.add(SMALL), wanted=[*wanted("hash"), *wanted("dies", signal=int(signal_))])
    died, *found = await asyncio.gather(deadly, *(analysis.find(**one, wanted=WANTED) for one in neighbours))
    assert types(died) == {"hash": "decoder-died", "dies": "decoder-died"}
    assert signal_.name in died.failures[0].detail
    assert Counter(len(one.results) for one in found) == {len(HOUSE): 6}
    assert library.keys(f"derived/{hashlib.sha256(SMALL).hexdigest()}") == []


async def test_two_deadly_pictures_at_once_do_not_wait_for_each_other(library: Library, analysis: Analysis) -> None:
    deadly = [library.add(pictures.photograph(50, 40, seed)) for seed in range(4)]
    found = await asyncio.gather(*(analysis.find(**one, wanted=wanted("dies")) for one in deadly))
    assert [types(one) for one in found] == [{"dies": "decoder-died"}] * 4


async def test_a_picture_that_takes_too_much_memory_fails_alone(library: Library, analysis: Analysis) -> None:
    hoards = analysis.find(**library.add(SMALL), wanted=[*wanted("hoards"), *wanted("hash")])
    neighbour = analysis.find(**library.add(pictures.photograph(100, 80)), wanted=WANTED)
    hoarded, found = await asyncio.gather(hoards, neighbour)
    assert types(hoarded) == {"hoards": "decode-memory"}
    assert [one.algorithm for one in hoarded.results] == ["hash"]
    assert len(found.results) == len(HOUSE)
    assert len(decoders()) == 1  # the one without memory has been let go


async def test_a_picture_too_large_for_memory_is_decoded_once(library: Library) -> None:
    vast = library.add(pictures.encoded(Image.new("RGBA", (6000, 6000), (1, 2, 3, 4)), "PNG", compress_level=1))
    async with Analysis(replace(library.setup, memory=400 * 1024 * 1024), 1) as analysis:
        found = await analysis.find(**vast, wanted=WANTED)
        assert types(found) == dict.fromkeys(HOUSE[2:], "decode-memory")
        assert (await analysis.find(**library.add(SMALL), wanted=WANTED)).failures == []


@pytest.mark.parametrize("format", ["jpeg", "png", "webp", "avif"])
async def test_a_file_too_large_for_memory_is_said_to_be_so(library: Library, format: str) -> None:
    """Enough memory for the pixels, and not for the encoder where that is AVIF's."""
    vast = library.add(pictures.encoded(Image.new("RGB", (5000, 3000), "#336699"), "JPEG"))
    async with Analysis(replace(library.setup, memory=560 * 1024 * 1024), 1) as analysis:
        found = await analysis.find(**vast, wanted=wanted("compress", format=format))
        assert types(found) == ({"compress": "decode-memory"} if format == "avif" else {})


@pytest.mark.parametrize("algorithm", ["sleeps", "spins"])
async def test_a_picture_that_takes_too_long_fails_alone(library: Library, algorithm: str) -> None:
    neighbours = [library.add(pictures.photograph(100, 80, seed)) for seed in range(4)]
    async with Analysis(replace(library.setup, seconds=1.0), 2) as analysis:
        slow = analysis.find(**library.add(SMALL), wanted=wanted(algorithm))
        found = asyncio.gather(*(analysis.find(**one, wanted=WANTED) for one in neighbours))
        async with asyncio.timeout(30):
            assert types(await slow) == {algorithm: "decode-timeout"}
            assert {len(one.results) for one in await found} == {len(HOUSE)}
    assert library.keys(f"derived/{hashlib.sha256(SMALL).hexdigest()}") == []


async def test_a_cancelled_search_leaves_no_answer_for_the_next(library: Library) -> None:
    async with Analysis(library.setup, 1) as analysis:
        abandoned = asyncio.create_task(analysis.find(**library.add(SMALL), wanted=wanted("sleeps", seconds=1)))
        await asyncio.sleep(0.9)
        abandoned.cancel()
        found = await analysis.find(**library.add(pictures.photograph(70, 50)), wanted=wanted("metadata"))
        assert found.results[0].result["width"] == 70
    assert decoders() == []


# What is nobody's fault


async def test_object_storage_that_is_down_is_later(library: Library) -> None:
    original = library.add(SMALL)
    async with Analysis(replace(library.setup, s3="http://127.0.0.1:9"), 1) as analysis:
        with pytest.raises(TryLater):
            await analysis.find(**original, wanted=WANTED)


async def test_a_bucket_that_is_missing_is_later(library: Library) -> None:
    original = library.add(SMALL)
    async with Analysis(replace(library.setup, bucket="no-such-bucket"), 1) as analysis:
        with pytest.raises(TryLater):
            await analysis.find(**original, wanted=WANTED)


async def test_decoders_that_cannot_start_fail_no_picture(library: Library) -> None:
    with pytest.raises(TryLater, match="no decoder starts"):
        async with Analysis(replace(library.setup, plugins="tests.analyzer.rogues:broken"), 2):
            pass
    assert decoders() == []


async def test_a_decoder_that_cannot_start_again_fails_no_picture(
    library: Library, analysis: Analysis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    for child in decoders():
        child.kill()
    await asyncio.sleep(0.5)
    for _ in range(3):
        with pytest.raises(TryLater, match="no decoder starts"):
            await analysis.find(**library.add(SMALL), wanted=WANTED)
    monkeypatch.undo()
    assert (await analysis.find(**library.add(SMALL), wanted=WANTED)).failures == []


ANALYZER = """
import asyncio, sys
import msgspec
from contracts.images import Wanted
from services.analyzer.analysis import Analysis, Setup

async def main():
    setup = msgspec.json.decode(sys.argv[1], type=Setup)
    async with Analysis(setup, 2) as analysis:
        print("both start", flush=True)
        await asyncio.gather(*(
            analysis.find(sha256=sys.argv[2], storage_key=sys.argv[3], size=1,
                          wanted=[Wanted(algorithm="sleeps", params={"seconds": 60 + n})])
            for n in range(2)))

asyncio.run(main())
"""


async def test_decoders_end_with_their_analyzer_however_it_ends(library: Library) -> None:
    original = library.add(SMALL)
    arguments = (msgspec.json.encode(library.setup).decode(), original["sha256"], original["storage_key"])
    analyzer = await asyncio.create_subprocess_exec(sys.executable, "-c", ANALYZER, *arguments, stdout=PIPE)
    assert analyzer.stdout
    assert await analyzer.stdout.readline() == b"both start\n"
    await asyncio.sleep(0.5)  # both are at work
    both = psutil.Process(analyzer.pid).children()
    os.kill(analyzer.pid, signal.SIGKILL)
    await analyzer.wait()
    gone, alive = await asyncio.to_thread(psutil.wait_procs, both, 5)
    assert (len(gone), alive) == (2, [])
