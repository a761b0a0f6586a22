"""Pictures in real object storage, decoded by real guarded children: results, and bad input."""

import asyncio
import hashlib
from dataclasses import replace
from io import BytesIO
from itertools import chain
from typing import Any

import msgspec
from PIL import Image

from contracts import ids
from contracts.analyses import Result
from contracts.images import Wanted
from services.analyzer.analysis import Analysis, Caps, Found
from services.analyzer.pipeline import analyze
from tests import pictures
from tests.analyzer.library import SMALL, Library, decoders, types, wanted
from tests.analyzer.looking import HOUSE, WANTED, house, opened
from tests.analyzer.test_pipeline import BAD

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
