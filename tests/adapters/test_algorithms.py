"""Installed algorithms as the API lists them, those of strangers too."""

import math
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from adapters.algorithms import Algorithms
from adapters.installed import descriptors
from contracts.problems import Problem
from tests import networks
from tests.analyzer.test_classification import shelved

PLUGIN = """
print("loaded")
from contracts.algorithms import Disabled

class Answer:
    name, version, description = "answer", 42, "Knows."
    params_schema, result_schema = {"type": "object"}, {"type": "integer"}
    def __init__(self, settings): pass

class Off(Answer):
    name = "off"
    def __init__(self, settings): raise Disabled("no model is configured")

class Broken(Answer):
    name = "broken"
    def __init__(self, settings): raise RuntimeError("out of order")
"""
ENTRY_POINTS = """[framelog.algorithms]
answer = strangers:Answer
off = strangers:Off
broken = strangers:Broken
missing = nowhere:Nothing
"""


@pytest.fixture
def strangers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Another package that is installed beside Framelog."""
    (tmp_path / "strangers.py").write_text(PLUGIN)
    about = tmp_path / "strangers-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: strangers\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(ENTRY_POINTS)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    yield
    sys.modules.pop("strangers", None)


@pytest.mark.usefixtures("strangers")
def test_a_strangers_algorithm_is_listed_and_why_one_does_not_run() -> None:
    found = {one.name: one for one in descriptors({})}
    assert {"metadata", "thumbnail", "answer", "off", "broken", "missing"} <= set(found)
    assert (found["answer"].enabled, found["answer"].version, found["answer"].description) == (True, "42", "Knows.")
    assert (found["off"].enabled, found["off"].reason) == (False, "no model is configured")
    assert found["off"].result_schema == {"type": "integer"}
    assert found["broken"].reason == "it cannot start: RuntimeError: out of order"
    assert (found["missing"].version, found["missing"].params_schema) == (None, {})
    assert (found["missing"].reason or "").startswith("it cannot be loaded: ModuleNotFoundError")


@pytest.mark.usefixtures("strangers")
async def test_what_no_group_runs_is_off() -> None:
    found = {one.name: one for one in await Algorithms({"answer", "off"}, {}).descriptors()}
    assert found["answer"].enabled
    assert found["off"].reason == "no model is configured"
    assert (found["hash"].enabled, found["hash"].reason) == (False, "no group of FRAMELOG_ALGORITHM_GROUPS runs it")


async def test_an_upload_may_ask_for_what_runs_and_needs_no_params() -> None:
    assert await Algorithms({"hash", "poi_detection", "thumbnail", "compress", "nothing"}, {}).without_params() == {
        "hash", "poi_detection", "thumbnail",
    }  # fmt: skip


LOOKS = """
import sys
from adapters.installed import descriptors
(found,) = [one for one in descriptors({"models": sys.argv[1]}) if one.name == "classification"]
print(found.enabled, found.version, "onnxruntime" in sys.modules)
"""


def test_a_model_is_named_by_its_card_and_not_loaded(tmp_path: Path) -> None:
    shelved(tmp_path, networks.colours(), version=5)
    ran = subprocess.run((sys.executable, "-c", LOOKS, tmp_path / "models"), capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["True", "501", "False"]


def _nested(depth: int) -> Any:
    return {"a": _nested(depth - 1)} if depth else 1


@pytest.mark.usefixtures("strangers")
@pytest.mark.parametrize(
    "params",
    [{"a": "\0"}, {"a\0": 1}, {"a": ["\ud800"]}, {"\udfff": 1}, {"a": float("nan")}, {"a": [-math.inf]}, _nested(17)],
    ids=lambda params: ascii(params)[:20],
)
async def test_params_that_no_event_can_hold_are_refused_whatever_the_schema_says(params: Any) -> None:
    installed = Algorithms({"answer"}, {})
    with pytest.raises(Problem) as refused:
        await installed.checked("answer", params)
    assert refused.value.type.slug == "invalid-params"
    assert (await installed.checked("answer", _nested(16))).params == _nested(16)


async def test_a_refusal_does_not_repeat_all_that_was_sent() -> None:
    with pytest.raises(Problem) as refused:
        await Algorithms({"hash"}, {}).checked("hash", {f"unknown{number}": "x" * 1000 for number in range(1000)})
    assert len(str(refused.value.detail)) < 400
    assert len(refused.value.errors) <= 20
