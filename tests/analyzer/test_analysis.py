"""Pictures in real object storage, decoded by real guarded children, some of which do not survive it."""

import asyncio
import hashlib
import os
import signal
import sys
from asyncio.subprocess import PIPE
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from io import BytesIO
from itertools import chain
from pathlib import Path
from typing import Any

import msgspec
import psutil
import pytest
from minio import Minio
from PIL import Image

from contracts import ids
from contracts.analyses import Result
from contracts.events import Json, TryLater
from contracts.images import Wanted
from services.analyzer.analysis import Analysis, Caps, Found, Setup
from services.analyzer.pipeline import analyze
from tests import pictures
from tests.analyzer.looking import HOUSE, WANTED, house, opened
from tests.analyzer.test_pipeline import BAD
from tests.processes import children
from tests.running import Stack


class Library:
    """A bucket, and the analysis of what lies in it."""

    def __init__(self, setup: Setup, counted: Path) -> None:
        self.setup = setup
        self.bucket = setup.bucket
        self.minio = Minio(setup.s3.partition("://")[2], setup.access_key, setup.secret_key, secure=False)
        self._counted = counted

    def put(self, key: str, data: bytes) -> None:
        self.minio.put_object(self.bucket, key, BytesIO(data), len(data))

    def get(self, key: str) -> bytes:
        return self.minio.get_object(self.bucket, key).read()  # type: ignore[no-any-return]

    def keys(self, prefix: str = "derived/") -> list[str]:
        found = self.minio.list_objects(self.bucket, prefix, recursive=True)
        return sorted(str(one.object_name) for one in found)

    def add(self, data: bytes) -> dict[str, Any]:
        """Uploads an original; answers what `find` wants to know of it."""
        sha256 = hashlib.sha256(data).hexdigest()
        self.put(ids.original_key(sha256), data)
        return {"sha256": sha256, "storage_key": ids.original_key(sha256), "size": len(data)}

    def lines(self) -> list[str]:
        return self._counted.read_text().split() if self._counted.exists() else []


@pytest.fixture
def library(stack: Stack, bucket: str, tmp_path: Path) -> Library:
    setup = Setup(
        s3=stack.s3,
        access_key=stack.s3_access_key,
        secret_key=stack.s3_secret_key,
        bucket=bucket,
        region="us-east-1",
        group="core",
        plugins="tests.analyzer.rogues:installed",
        settings={"counted": str(tmp_path / "counted")},
    )
    return Library(setup, tmp_path / "counted")


@pytest.fixture
async def analysis(library: Library) -> AsyncIterator[Analysis]:
    async with Analysis(library.setup, children=2) as analysis:
        yield analysis
    assert decoders() == []


def decoders() -> list[psutil.Process]:
    """The decoders of this process, oldest first."""
    return children("services.analyzer.child")


def wanted(algorithm: str, **params: Json) -> list[Wanted]:
    return [Wanted(algorithm=algorithm, params=params)]


def types(found: Found) -> dict[str, str]:
    return {one.algorithm: one.type for one in found.failures}


SMALL = pictures.photograph(64, 48)


# Results, and their being found again


async def test_a_photograph_is_analysed_and_its_renditions_are_stored(library: Library, analysis: Analysis) -> None:
    data = pictures.photograph(2000, 1500)
    found = await analysis.find(**library.add(data), wanted=WANTED)
    assert found.failures == []
    assert [one.algorithm for one in found.results] == list(HOUSE)
    described = found.results[2].result["renditions"]
    for one in described:
        stored = library.get(one["key"])
        assert hashlib.sha256(stored).hexdigest() == one["sha256"]
        assert Image.open(BytesIO(stored)).size == (one["width"], one["height"])
        assert library.minio.stat_object(library.bucket, one["key"]).content_type == "image/jpeg"


async def test_another_process_finds_the_same(library: Library, analysis: Analysis) -> None:
    data = pictures.photograph(1800, 1200, seed=3)
    found = await analysis.find(**library.add(data), wanted=WANTED)
    assert found.results == analyze(opened(data), WANTED, house()).outcomes


async def test_the_same_bytes_are_decoded_once(library: Library, analysis: Analysis) -> None:
    original = library.add(SMALL)
    both = [*WANTED, *wanted("counts")]
    first = await analysis.find(**original, wanted=both)
    library.minio.remove_object(library.bucket, original["storage_key"])  # nothing is left to decode
    assert await analysis.find(**original, wanted=both) == first
    assert await analysis.find(**original, wanted=both[::-1]) == Found(first.results[::-1], [])
    assert len(library.lines()) == 1


async def test_only_what_is_missing_is_computed(library: Library, analysis: Analysis) -> None:
    original = library.add(SMALL)
    await analysis.find(**original, wanted=wanted("counts"))
    found = await analysis.find(**original, wanted=[*wanted("hash"), *wanted("counts")])
    assert [one.algorithm for one in found.results] == ["hash", "counts"]
    assert len(library.lines()) == 1


async def test_results_with_params_lie_apart_and_are_found_again(library: Library, analysis: Analysis) -> None:
    original = library.add(SMALL)
    await analysis.find(**original, wanted=wanted("counts"))
    await analysis.find(**original, wanted=wanted("counts", a=1, b=[2]))
    again = await analysis.find(**original, wanted=wanted("counts", b=[2], a=1))
    assert again.results[0].result == {"width": 64, "a": 1, "b": [2]}
    assert (await analysis.find(**original, wanted=wanted("counts", a=2))).results[0].result["a"] == 2
    assert len(library.lines()) == 3
    assert len(library.keys()) == 3


async def test_the_same_bytes_and_params_are_computed_once_whoever_asks(library: Library) -> None:
    original = library.add(pictures.photograph(800, 600))
    asked = wanted("thumbnail", width=200, height=100, fit="cover")
    setup = replace(library.setup, plugins="tests.analyzer.rogues:counting")
    async with Analysis(setup, 2) as one, Analysis(setup, 1) as other:
        first = await one.find(**original, wanted=asked)
        again = [await each.find(**original, wanted=asked) for each in (one, other, one)]
        assert again == [first] * 3
        assert library.lines() == ["decoded"]
        reordered = wanted("thumbnail", fit="cover", height=100, width=200)
        assert (await other.find(**original, wanted=reordered)).results[0].result == first.results[0].result
        assert library.lines() == ["decoded"]
        await other.find(**original, wanted=wanted("thumbnail", width=201, height=100, fit="cover"))
        assert library.lines() == ["decoded"] * 2


async def test_one_event_may_want_an_algorithm_with_many_params(library: Library) -> None:
    original = library.add(pictures.photograph(800, 600))
    params = [{"width": 100}, {}, {"width": 0}, {"width": 50, "format": "png"}, {"width": 100}]
    asked = [Wanted(algorithm="thumbnail", params=one) for one in params]
    setup = replace(library.setup, plugins="tests.analyzer.rogues:counting")
    async with Analysis(setup, 1) as analysis:
        found = await analysis.find(**original, wanted=asked)
    assert [one.params for one in found.results] == [{"width": 100}, {}, {"width": 50, "format": "png"}, {"width": 100}]
    assert [(one.type, one.params) for one in found.failures] == [("invalid-params", {"width": 0})]
    assert library.lines() == ["decoded"] * 3  # what is asked twice is made once
    for one in found.results:
        for rendition in one.result["renditions"]:
            assert hashlib.sha256(library.get(rendition["key"])).hexdigest() == rendition["sha256"]


async def test_each_result_with_params_is_an_object_of_its_own(library: Library, analysis: Analysis) -> None:
    original = library.add(pictures.photograph(800, 600))
    asked = [
        *wanted("thumbnail", width=100),
        *wanted("thumbnail", width=50),
        *wanted("compress", format="webp", target_bytes=20_000),
        *wanted("poi_detection", count=5),
        *wanted("poi_detection"),
    ]
    found = await analysis.find(**original, wanted=asked)
    assert found.failures == []
    for one in found.results:
        key = ids.result_key(original["sha256"], one.algorithm, one.version, one.params)
        lies_at = key if one.params else ids.results_key(original["sha256"], "core")
        assert msgspec.json.decode(library.get(lies_at), type=list[Result]) == [one]
    assert len(library.keys()) == 5 + 3


async def test_another_version_is_computed_beside_the_old_one(library: Library, analysis: Analysis) -> None:
    original = library.add(SMALL)
    key = ids.results_key(original["sha256"], "core")
    old = Result(algorithm="counts", version=2, params={}, result={"old": True})
    library.put(key, msgspec.json.encode([old]))
    assert (await analysis.find(**original, wanted=wanted("counts"))).results[0].version == 3
    stored = msgspec.json.decode(library.get(key), type=list[Result])
    assert [one.version for one in stored] == [2, 3]


async def test_results_that_cannot_be_read_are_written_anew(library: Library, analysis: Analysis) -> None:
    original = library.add(SMALL)
    key = ids.results_key(original["sha256"], "core")
    library.put(key, b"[{broken")
    found = await analysis.find(**original, wanted=wanted("hash"))
    assert msgspec.json.decode(library.get(key), type=list[Result]) == found.results


async def test_equal_renditions_are_stored_once(library: Library, analysis: Analysis) -> None:
    original = library.add(SMALL)
    await analysis.find(**original, wanted=wanted("thumbnail"))
    assert len(library.keys()) == 2


async def test_what_a_library_prints_is_no_answer(library: Library, analysis: Analysis) -> None:
    found = await analysis.find(**library.add(SMALL), wanted=wanted("prints"))
    rendition = found.results[0].result["rendition"]
    assert library.get(rendition["key"]) == b"x"


# Bad input


async def test_no_bad_file_delays_or_spoils_its_neighbours(library: Library, analysis: Analysis) -> None:
    before = decoders()
    bad = [library.add(data) for data, _ in BAD.values()]
    good = [library.add(pictures.photograph(200, 150, seed)) for seed in range(len(bad))]
    mixed = chain.from_iterable(zip(bad, good, strict=True))
    found = await asyncio.gather(*(analysis.find(**one, wanted=WANTED) for one in mixed))
    assert [types(one) for one in found[::2]] == [dict.fromkeys(HOUSE, type) for _, type in BAD.values()]
    assert all(len(one.results) == len(HOUSE) for one in found[1::2])
    assert decoders() == before


async def test_no_failure_is_stored(library: Library, analysis: Analysis) -> None:
    for data, _ in BAD.values():
        await analysis.find(**library.add(data), wanted=WANTED)
    await analysis.find(**library.add(SMALL), wanted=wanted("raises"))
    assert library.keys() == []


async def test_a_damaged_picture_keeps_what_its_header_says(library: Library, analysis: Analysis) -> None:
    found = await analysis.find(**library.add(pictures.truncated_jpeg()), wanted=WANTED)
    assert [one.algorithm for one in found.results] == ["metadata", "exif"]
    assert types(found) == dict.fromkeys(HOUSE[2:], "undecodable-image")


async def test_bytes_that_are_not_there_or_not_the_ones(library: Library, analysis: Analysis) -> None:
    original = library.add(SMALL)
    other = library.add(pictures.photograph(65, 48))
    missing = original | {"storage_key": "originals/00/nothing"}
    swapped = original | {"storage_key": other["storage_key"]}
    assert types(await analysis.find(**missing, wanted=wanted("hash"))) == {"hash": "object-missing"}
    assert types(await analysis.find(**swapped, wanted=wanted("hash"))) == {"hash": "corrupt-object"}


async def test_what_is_too_large_is_not_even_fetched(library: Library) -> None:
    setup = replace(library.setup, caps=Caps(bytes=1000))
    missing = {"sha256": "0" * 64, "storage_key": "nothing", "size": 1001}
    async with Analysis(setup, 1) as analysis:
        assert types(await analysis.find(**missing, wanted=wanted("hash"))) == {"hash": "too-large"}


async def test_large_pictures_are_decoded_one_at_a_time(library: Library, analysis: Analysis) -> None:
    def picture(width: int, shade: int) -> dict[str, Any]:
        return library.add(pictures.encoded(Image.new("1", (width, 4001), shade), "PNG"))

    for width, expected in ((100, ["begins", "begins", "ends", "ends"]), (4001, ["begins", "ends"] * 2)):
        await asyncio.gather(
            *(analysis.find(**picture(width, shade), wanted=wanted("overlaps")) for shade in (0, 1)),
        )
        assert library.lines()[-4:] == expected


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
