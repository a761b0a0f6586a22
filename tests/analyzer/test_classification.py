"""Classification by small networks with known answers, in the guarded children that run it in production."""

import hashlib
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from PIL import Image

from contracts.algorithms import Disabled
from contracts.analyses import Failure, Result
from contracts.events import Params
from contracts.images import Wanted
from services.analyzer import plugins
from services.analyzer.__main__ import setup
from services.analyzer.algorithms.classification import Classification, fact_version
from services.analyzer.analysis import Analysis, Found, Setup
from services.analyzer.jobs import Caps
from services.analyzer.models import shelf
from services.analyzer.models.card import card_of, read
from services.analyzer.pipeline import analyze
from services.analyzer.setups import unstored
from services.settings import Analyzer, Infer
from tests import networks
from tests.analyzer.looking import opened
from tests.pictures import encoded

MIB = 1024 * 1024


def picture(colour: str, size: tuple[int, int] = (40, 30)) -> bytes:
    return encoded(Image.new("RGB", size, colour), "PNG")


def shelved(folder: Path, network: bytes, input: Mapping[str, Any] | None = None, **card: Any) -> dict[str, str]:
    """The settings of a house with this model."""
    written = networks.written(folder / "model", network, dict(input or {}), **card)
    shelf.add(folder / "models", read(card_of(written)), lambda _: None)
    return {"models": str(folder / "models")}


def classified(settings: Mapping[str, str], data: bytes, **params: Any) -> dict[str, Any]:
    algorithm = Classification(settings)
    jsonschema_rs.validate(dict(algorithm.params_schema), params)
    result = algorithm.analyze(opened(data), params).result
    jsonschema_rs.validate(dict(algorithm.result_schema), result)
    return result


# The algorithm


@pytest.mark.parametrize(("colour", "best"), [("#ff0000", "red"), ("#20c030", "green"), ("#0000ff", "blue")])
def test_the_best_label_of_a_colour_is_its_name(tmp_path: Path, colour: str, best: str) -> None:
    found = classified(shelved(tmp_path, networks.colours()), picture(colour))
    assert found["model"] == "colours"
    assert found["labels"][0]["label"] == best
    assert sum(one["score"] for one in found["labels"]) == pytest.approx(1, abs=2e-4)


def test_a_network_that_wants_blue_first_or_channels_last_finds_the_same(tmp_path: Path) -> None:
    orange = picture("#ff8000")
    plain = classified(shelved(tmp_path / "plain", networks.colours()), orange)
    bgr = shelved(tmp_path / "bgr", networks.colours(), {"colors": "BGR"}, labels=["blue", "green", "red"])
    last = shelved(tmp_path / "last", networks.colours("NHWC"), {"layout": "NHWC"})
    assert classified(bgr, orange)["labels"] == classified(last, orange)["labels"] == plain["labels"]


def test_labels_come_best_first_and_equal_ones_in_the_networks_order(tmp_path: Path) -> None:
    labels = [f"label {number}" for number in range(25)]
    settings = shelved(tmp_path, networks.colours(labels=25), {"scale": 1.0}, labels=labels, softmax=False)
    green = picture("#00ff00")
    best = classified(settings, green)["labels"]
    assert [one["label"] for one in best] == ["label 1", "label 0", "label 2", "label 3", "label 4"]
    assert [one["score"] for one in best] == [255, 0, 0, 0, 0]
    assert classified(settings, green, top_k=1)["labels"] == best[:1]
    assert len(classified(settings, green, top_k=20)["labels"]) == 20


@pytest.mark.parametrize("params", [{"top_k": 0}, {"top_k": 21}, {"top_k": "3"}, {"top_k": 2.5}, {"k": 3}])
def test_params_outside_the_schema_are_a_failure(tmp_path: Path, params: Params) -> None:
    algorithm = Classification(shelved(tmp_path, networks.colours()))
    wanted = [Wanted(algorithm="classification", params=params)]
    (outcome,) = analyze(opened(picture("red")), wanted, {"classification": algorithm}).outcomes
    assert isinstance(outcome, Failure)
    assert outcome.type == "invalid-params"


def test_more_is_asked_than_there_are_labels(tmp_path: Path) -> None:
    assert len(classified(shelved(tmp_path, networks.colours()), picture("red"), top_k=10)["labels"]) == 3


def test_the_cards_version_is_the_facts_version(tmp_path: Path) -> None:
    algorithm = Classification(shelved(tmp_path, networks.colours(), version=3))
    assert algorithm.version == fact_version(3) == 301
    assert "colours 3" in algorithm.description


def test_without_a_model_it_is_off_and_says_why(tmp_path: Path) -> None:
    for settings in ({}, {"models": str(tmp_path)}):
        with pytest.raises(Disabled, match="no model is installed: `framelog models add PATH`"):
            Classification(settings)
    _, disabled = plugins.looked_up({"models": str(tmp_path)})
    assert set(disabled) == {"classification"}


def test_with_a_card_that_was_spoilt_it_is_off_and_says_which(tmp_path: Path) -> None:
    settings = shelved(tmp_path, networks.colours())
    (tmp_path / "models" / "classification" / "1" / "card.toml").write_text("name = 1")
    with pytest.raises(Disabled, match=r"1/card\.toml: "):
        Classification(settings)


# In guarded children


@asynccontextmanager
async def analysing(settings: dict[str, str], **limits: Any) -> AsyncIterator[Analysis]:
    told = Setup(settings=settings, caps=Caps(), **{"memory": 1024 * MIB, "seconds": 20.0, **limits})
    async with Analysis(told, children=1) as analysis:
        yield analysis


async def looked(analysis: Analysis, data: bytes, *algorithms: str) -> Found:
    wanted = [Wanted(algorithm=name) for name in algorithms or ("classification",)]
    return await analysis.look(data, hashlib.sha256(data).hexdigest(), wanted)


def types(failures: Sequence[Failure]) -> dict[str, str]:
    return {one.algorithm: one.type for one in failures}


async def test_a_decoder_classifies_as_the_algorithm_does(tmp_path: Path) -> None:
    settings, orange = shelved(tmp_path, networks.colours()), picture("#ff8000", (1900, 1300))
    async with analysing(settings) as analysis:
        (result,) = (await looked(analysis, orange)).results
        assert (await looked(analysis, orange)).results == [result]
    expected = classified(settings, orange)
    assert result == Result(algorithm="classification", version=101, params={}, result=expected)


async def test_a_network_that_hangs_costs_one_picture_its_classification(tmp_path: Path) -> None:
    async with analysing(shelved(tmp_path, networks.hangs_on_red()), seconds=2.0) as analysis:
        assert types((await looked(analysis, picture("red"))).failures) == {"classification": "decode-timeout"}
        (result,) = (await looked(analysis, picture("#0000ff"))).results
    assert result.result["labels"][0] == {"label": "blue", "score": 1.0}


async def test_a_network_without_enough_memory_costs_one_picture_its_classification(tmp_path: Path) -> None:
    async with analysing(shelved(tmp_path, networks.hoards_on_red())) as analysis:
        found = await looked(analysis, picture("red"), "hash", "classification")
        assert types(found.failures) == {"classification": "decode-memory"}
        assert [one.algorithm for one in found.results] == ["hash"]
        (result,) = (await looked(analysis, picture("#0000ff"))).results
    assert result.result["labels"][0] == {"label": "blue", "score": 1.0}


async def test_a_network_that_was_spoilt_fails_by_itself(tmp_path: Path) -> None:
    settings = shelved(tmp_path, networks.colours())
    (tmp_path / "models" / "classification" / "1" / "colours.onnx").write_bytes(b"spoilt")
    async with analysing(settings) as analysis:
        found = await looked(analysis, picture("red"), "hash", "classification")
    assert types(found.failures) == {"classification": "algorithm-failed"}
    assert "cannot be loaded as ONNX" in found.failures[0].detail
    assert [one.algorithm for one in found.results] == ["hash"]


async def test_without_a_store_renditions_come_with_the_answer(tmp_path: Path) -> None:
    async with analysing({}) as analysis:
        found = await looked(analysis, picture("red", (600, 400)), "thumbnail")
    described = found.results[0].result["renditions"]
    assert [(one.name, one.width, one.height) for one in found.pictures] == [
        ("thumb", 128, 85),
        ("small", 512, 341),
        ("large", 600, 400),
    ]
    for told, one in zip(described, found.pictures, strict=True):
        assert told["sha256"] == one.sha256 == hashlib.sha256(one.data).hexdigest()


# Limits


def test_only_the_group_that_runs_a_model_has_memory_for_one() -> None:
    own = {"decode_memory_bytes": 300 * MIB, "model_memory_bytes": 200 * MIB}
    assert setup(Analyzer(group="core", **own)).memory == 300 * MIB
    assert setup(Analyzer(group="models", **own)).memory == 500 * MIB


def test_a_house_with_a_model_infers_with_memory_for_it(tmp_path: Path) -> None:
    settings = Infer(home=tmp_path, decode_memory_bytes=300 * MIB, model_memory_bytes=200 * MIB)
    assert unstored(settings, plugins.installed(settings.for_algorithms())).memory == 300 * MIB
    shelved(tmp_path, networks.colours())
    assert unstored(settings, plugins.installed(settings.for_algorithms())).memory == 500 * MIB
