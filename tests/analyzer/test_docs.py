"""docs/algorithms.md tells of every built-in algorithm, every param, and shows results as they are."""

import re
from importlib.metadata import entry_points
from pathlib import Path

import jsonschema_rs
import orjson
import pytest

from contracts.algorithms import GROUP
from tests.analyzer.looking import house

PAGE = (Path(__file__).parents[2] / "docs" / "algorithms.md").read_text()
OURS = {one.name for one in entry_points(group=GROUP) if one.dist and one.dist.name == "framelog"}
BUILT_IN = sorted(OURS & set(house()))


def section(name: str) -> str:
    _, found, after = PAGE.partition(f"\n## `{name}`\n")
    assert found
    return after.partition("\n## ")[0]


@pytest.mark.parametrize("name", BUILT_IN)
def test_an_algorithm_has_a_line_in_the_table_and_every_param_is_explained(name: str) -> None:
    params = house()[name].params_schema["properties"]
    (line,) = [line for line in PAGE.splitlines() if line.startswith(f"| [`{name}`]")]
    assert re.findall(r"`(\w+)`", line.split("|")[3]) == list(params)
    for param in params:
        assert f"`{param}`" in section(name)


@pytest.mark.parametrize("name", BUILT_IN)
def test_an_example_fits_the_schemas(name: str) -> None:
    (text,) = re.findall(r"```json\n(.*?)```", section(name), re.DOTALL)
    example = orjson.loads(text)
    jsonschema_rs.validate(dict(house()[name].params_schema), example["params"])
    jsonschema_rs.validate(dict(house()[name].result_schema), example["result"])
