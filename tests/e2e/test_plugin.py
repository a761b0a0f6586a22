"""The plug-in of docs/plugins.md: installed from a package of its own, asked by a real analyzer, served by the API."""

import asyncio
import os
import re
import shutil
import sys
from pathlib import Path

import pytest
from PIL import Image

from tests.e2e.test_whole_line import analysed
from tests.pictures import encoded
from tests.running import House

ROOT = Path(__file__).parents[2]
PLUGIN = ROOT / "examples" / "plugin"
PAGE = (ROOT / "docs" / "plugins.md").read_text()


@pytest.fixture
async def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where pip has put it, as any other package, for every process that the test starts."""
    source, target = tmp_path / "source", tmp_path / "site"
    shutil.copytree(PLUGIN, source)
    offline = ("--quiet", "--no-index", "--no-deps", "--no-build-isolation")
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "pip", "install", *offline, "--target", target, source
    )
    assert await process.wait() == 0
    monkeypatch.setenv("PYTHONPATH", str(target))
    return target


@pytest.mark.parametrize(("language", "name"), [("python", "framelog_saturation.py"), ("toml", "pyproject.toml")])
def test_the_page_shows_the_package_as_it_is(language: str, name: str) -> None:
    (shown,) = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    assert shown == (PLUGIN / name).read_text()


def test_it_has_no_more_than_twenty_lines() -> None:
    assert len((PLUGIN / "framelog_saturation.py").read_text().splitlines()) <= 20


async def test_an_algorithm_of_another_package_is_listed_asked_and_its_facts_are_served(
    house: House, installed: Path
) -> None:
    assert {"framelog_saturation.py", "framelog_saturation-1.0.dist-info"} <= set(os.listdir(installed))
    settings = {"algorithm_groups": "core=metadata+saturation", "algorithms": "metadata"}
    colours = {"#ff0000": 1.0, "#808080": 0.0, "#ff8080": 0.4980}
    async with (
        house.api(**settings) as client,
        house.run("services.projector"),
        house.run("services.analyzer", analyzer_children=1, **settings),
    ):
        for colour, saturation in colours.items():
            data = encoded(Image.new("RGB", (64, 48), colour), "PNG")
            answer = await client.post("/v1/images", files={"file": data}, data={"algorithms": "saturation"})
            assert answer.status_code == 201, answer.text
            analysis = (await analysed(client, answer.json()["id"]))["analysis"]
            assert analysis["status"] == "completed"
            found = analysis["results"]["saturation"]
            assert (found["algorithm_version"], found["result"]) == ("1", {"mean": saturation})
        items = {one["name"]: one for one in (await client.get("/v1/algorithms")).json()["items"]}
    assert (items["saturation"]["enabled"], items["saturation"]["version"]) == (True, "1")
    assert items["saturation"]["result_schema"]["required"] == ["mean"]
