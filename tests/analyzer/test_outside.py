"""Network algorithms on real object storage, with real decoders and a real service: what is asked, kept, put off."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from adapters.objects import Objects
from contracts.analyses import Result
from contracts.events import TryLater
from contracts.images import Wanted
from services.analyzer.algorithms.caption import Caption
from services.analyzer.analysis import Analysis, Found
from services.analyzer.lateness import MOST_SECONDS, Lateness
from services.analyzer.outside import Installed, Outside
from services.analyzer.results import Results
from services.analyzer.small import Smalls
from services.analyzer.versions import AnotherModel, claim
from services.settings import Analyzer
from tests import pictures
from tests.analyzer.library import Library
from tests.captioner import Captioner, captioning, picture, refuses, sleeps

CAPTION = Wanted(algorithm="caption")


class Clock:
    """Stands still until it is told."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


class World:
    """A library, who captions it, and the time."""

    def __init__(self, library: Library, captioner: Captioner, objects: Objects) -> None:
        self.library, self.captioner, self.objects = library, captioner, objects
        self.clock = Clock()

    @asynccontextmanager
    async def outside(self, **settings: Any) -> AsyncIterator[Outside]:
        given = Analyzer(**self.captioner.settings(**settings)).for_network_algorithms()
        setup = replace(self.library.setup, group="network")
        async with Caption(given) as caption, Analysis(setup, 1) as analysis:
            smalls = Smalls(self.objects, analysis, Results(self.objects, "core"))
            results = Results(self.objects, "network")
            installed = Installed({"caption": caption}, {"oracle": "nobody asks it"})
            yield Outside(analysis, smalls, results, installed, Lateness(self.clock))

    def kept(self, added: dict[str, Any]) -> list[Result]:
        key = f"derived/{added['sha256']}/network.json"
        found: list[Result] = msgspec.json.decode(self.library.get(key), type=list[Result])
        return found


@pytest.fixture
async def world(library: Library) -> AsyncIterator[World]:
    setup = library.setup
    assert setup.s3
    objects = Objects(setup.s3, setup.access_key, setup.secret_key, setup.bucket, setup.region)
    async with captioning() as captioner, objects:
        yield World(library, captioner, objects)


def types(found: Found) -> list[str]:
    return [one.type for one in found.failures]


async def test_a_caption_is_of_the_small_rendition_which_is_made_where_it_is_not_there(world: World) -> None:
    added = world.library.add(pictures.encoded(pictures.scene(2000, 1000)))
    async with world.outside() as outside:
        found = await outside.find(**added, wanted=[CAPTION])
    (result,) = found.results
    assert (result.algorithm, result.version, result.params) == ("caption", 101, {})
    (asked,) = world.captioner.asked
    assert (asked.size, asked.media_type) == ((512, 256), "image/jpeg")
    assert {one.algorithm for one in world.kept(added)} == {"thumbnail", "caption"}


async def test_a_small_rendition_that_the_house_has_made_is_taken_and_nothing_is_decoded(world: World) -> None:
    added = world.library.add(picture("green"))
    async with Analysis(world.library.setup, 1) as core:
        await core.find(**added, wanted=[Wanted(algorithm="thumbnail")])
    async with world.outside() as outside:
        await outside.find(**added, wanted=[CAPTION])
    assert [one.algorithm for one in world.kept(added)] == ["caption"]
    assert world.captioner.asked[0].size == (512, 384)


async def test_a_small_rendition_that_was_lost_is_made_again(world: World) -> None:
    added = world.library.add(picture("green"))
    async with Analysis(world.library.setup, 1) as core:
        made = await core.find(**added, wanted=[Wanted(algorithm="thumbnail")])
    for one in made.results[0].result["renditions"]:
        world.library.minio.remove_object(world.library.bucket, one["key"])
    async with world.outside() as outside:
        assert (await outside.find(**added, wanted=[CAPTION])).results


async def test_equal_bytes_are_asked_about_once_one_after_the_other_or_at_the_same_time(world: World) -> None:
    added = world.library.add(picture("red"))
    async with world.outside() as outside:
        both = await asyncio.gather(*(outside.find(**added, wanted=[CAPTION]) for _ in range(5)))
    async with world.outside() as another:
        later = await another.find(**added, wanted=[CAPTION])
    assert world.captioner.count("red") == 1
    assert [one.results for one in both] == [later.results] * 5


async def test_another_version_is_asked_and_both_answers_are_kept(world: World) -> None:
    added = world.library.add(picture("red"))
    for version in (1, 2, 1):
        async with world.outside(caption_version=version) as outside:
            (result,) = (await outside.find(**added, wanted=[CAPTION])).results
            assert result.version == version * 100 + 1
    assert world.captioner.count("red") == 2
    assert [one.version for one in world.kept(added) if one.algorithm == "caption"] == [101, 201]


async def test_a_picture_that_cannot_be_decoded_is_nobodys_question(world: World) -> None:
    broken, missing = world.library.add(pictures.truncated_jpeg(0.01)), {**world.library.add(b"x"), "storage_key": "no"}
    async with world.outside() as outside:
        assert types(await outside.find(**broken, wanted=[CAPTION])) == ["undecodable-image"]
        (failure,) = (await outside.find(**missing, wanted=[CAPTION])).failures
    assert (failure.type, failure.algorithm) == ("object-missing", "caption")
    assert world.captioner.asked == []


async def test_a_group_may_have_both_kinds_and_each_outcome_is_where_it_was_wanted(world: World) -> None:
    added = world.library.add(picture("blue"))
    wanted = [Wanted(algorithm=name) for name in ("hash", "caption", "oracle", "horoscope", "metadata")]
    async with world.outside() as outside:
        found = await outside.find(**added, wanted=wanted)
    assert [one.algorithm for one in found.results] == ["hash", "caption", "metadata"]
    assert [(one.algorithm, one.type) for one in found.failures] == [
        ("oracle", "algorithm-disabled"),
        ("horoscope", "algorithm-disabled"),
    ]
    assert found.failures[0].detail == "oracle does not run: nobody asks it"


async def test_params_that_fit_no_schema_are_nobodys_question(world: World) -> None:
    added = world.library.add(picture("blue"))
    async with world.outside() as outside:
        wanted = [Wanted(algorithm="caption", params={"prompt": "Write a poem."})]
        assert types(await outside.find(**added, wanted=wanted)) == ["invalid-params"]
    assert world.captioner.asked == []


async def test_what_never_passes_fails_at_once_and_is_asked_again_when_it_is_wanted_again(world: World) -> None:
    added = world.library.add(picture("red"))
    world.captioner.badly["red"] = [refuses(400, "no faces, please")]
    async with world.outside() as outside:
        (failure,) = (await outside.find(**added, wanted=[CAPTION])).failures
        assert failure.type == "algorithm-failed"
        assert failure.detail.endswith("/v1/chat/completions answered 400: no faces, please")
        assert (await outside.find(**added, wanted=[CAPTION])).results


async def test_after_fifteen_minutes_of_later_it_fails_and_can_be_asked_again(world: World) -> None:
    added = world.library.add(picture("red"))
    world.captioner.badly["red"] = [refuses(503, "overloaded")] * 4
    async with world.outside() as outside:
        for seconds in (0, 400, MOST_SECONDS - 401):
            world.clock.seconds += seconds
            with pytest.raises(TryLater, match="answered 503: overloaded"):
                await outside.find(**added, wanted=[CAPTION])
        world.clock.seconds += 1
        (failure,) = (await outside.find(**added, wanted=[CAPTION])).failures
        assert failure.type == "service-unavailable"
        assert failure.detail.startswith("asked 4 times in 15 min; the last answer: http://127.0.0.1:")
        assert failure.detail.endswith("answered 503: overloaded")
        world.clock.seconds += 1
        assert (await outside.find(**added, wanted=[CAPTION])).results


async def test_an_answer_ends_the_wait_and_the_next_one_begins_anew(world: World) -> None:
    added = world.library.add(picture("red"))
    world.captioner.badly["red"] = [refuses(429), refuses(400), refuses(429)]
    async with world.outside() as outside:
        with pytest.raises(TryLater):
            await outside.find(**added, wanted=[CAPTION])
        world.clock.seconds += MOST_SECONDS - 1
        assert types(await outside.find(**added, wanted=[CAPTION])) == ["algorithm-failed"]
        world.clock.seconds += 1
        with pytest.raises(TryLater):
            await outside.find(**added, wanted=[CAPTION])


async def test_who_asks_for_more_patience_than_there_is_is_not_waited_for(world: World) -> None:
    added = world.library.add(picture("red"))
    world.captioner.badly["red"] = [refuses(429, Retry_After="600"), refuses(429, Retry_After="600")]
    async with world.outside() as outside:
        with pytest.raises(TryLater) as later:
            await outside.find(**added, wanted=[CAPTION])
        assert later.value.after == 600
        world.clock.seconds += 600
        (failure,) = (await outside.find(**added, wanted=[CAPTION])).failures
    assert failure.type == "service-unavailable"
    assert failure.detail.startswith("asked 2 times in 10 min, and to be left alone for 600 s more; the last answer: ")


async def test_a_picture_that_is_put_off_holds_up_no_other(world: World) -> None:
    red, blue = world.library.add(picture("red")), world.library.add(picture("blue"))
    world.captioner.badly["red"] = [sleeps(3)]
    async with world.outside() as outside, asyncio.timeout(20):
        slow = asyncio.create_task(outside.find(**red, wanted=[CAPTION]))
        assert (await outside.find(**blue, wanted=[CAPTION])).results
        assert not slow.done()
        assert (await slow).results


async def test_a_version_names_one_model_and_one_prompt_for_ever(world: World) -> None:
    def asking(**settings: Any) -> list[Caption]:
        return [Caption(Analyzer(**{**world.captioner.settings(), **settings}).for_network_algorithms())]

    await claim(world.objects, asking())
    await claim(world.objects, asking(caption_seconds=5.0, caption_url="http://elsewhere/v1"))
    with pytest.raises(AnotherModel, match=r'caption 101 is {"model":"stub-vl".* and not {"model":"larger-vl"'):
        await claim(world.objects, asking(caption_model="larger-vl"))
    with pytest.raises(AnotherModel, match=r"so raise it; see docs/captions\.md"):
        await claim(world.objects, asking(caption_prompt="What is it?"))
    await claim(world.objects, asking(caption_model="larger-vl", caption_version=2))
