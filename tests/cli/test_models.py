"""`framelog models`, as a user runs it."""

from pathlib import Path

import pytest

from tests import networks
from tests.cli.running import Terminal
from tests.networks import written


@pytest.fixture
def user(tmp_path: Path) -> Terminal:
    return Terminal(tmp_path / "home", "http://127.0.0.1:1")


async def test_a_model_is_checked_installed_and_listed(user: Terminal, tmp_path: Path) -> None:
    none = await user.run("models", "list")
    assert (none.code, none.out) == (
        0, f"no model is installed in {user.home}/models: `framelog models add PATH` installs one\n",
    )  # fmt: skip
    added = await user.run("models", "add", written(tmp_path / "colours", networks.colours()))
    assert (added.code, added.err) == (0, "")
    assert added.out.startswith("added colours 1, 3 labels\n")
    again = await user.run("models", "add", tmp_path / "colours", "--json")
    assert [one["added"] for one in again.documents] == [False]
    second = written(tmp_path / "newer", networks.colours(), version=2, name="colours-fine")
    assert (await user.run("models", "add", second / "colours.onnx")).code == 0
    (older, newer) = (await user.run("models", "list", "--json")).documents
    assert (older["version"], older["used"], newer["version"], newer["used"]) == (1, False, 2, True)
    assert newer == {
        "version": 2, "name": "colours-fine", "used": True, "fact_version": "201", "input": "8 × 8 NCHW RGB",
        "labels": 3, "path": f"{user.home}/models/classification/2",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("network", "card", "says"),
    [
        (b"not ONNX", {}, "colours.onnx: cannot be loaded as ONNX"),
        (networks.colours(labels=2 + 2), {}, "answers with 4 numbers, and its card has 3 labels"),
        (networks.colours(size=9), {}, "correct input.width, input.height and input.layout"),
        (networks.colours(), {"labels": None}, "missing required field `labels`"),
        (networks.hoards_on_red(), {}, "give it more with FRAMELOG_MODEL_MEMORY_BYTES"),
    ],
    ids=["not-onnx", "labels", "shape", "card", "memory"],
)
async def test_what_cannot_be_used_is_refused_in_one_line_and_not_installed(
    user: Terminal, tmp_path: Path, network: bytes, card: dict[str, object], says: str
) -> None:
    refused = await user.run("models", "add", written(tmp_path / "model", network, {"mean": -255.0}, **card))
    assert (refused.code, refused.out) == (1, "")
    (line,) = refused.err.splitlines()
    assert line.startswith(f"framelog: {tmp_path}/model/")
    assert says in line
    assert (await user.run("models", "list", "--json")).documents == []


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["add"], "say which model: `framelog models add PATH`"),
        (["add", "nowhere"], "nowhere: there is no such file or folder"),
        (["list", "here"], "`framelog models list` takes no path"),
        (["remove"], "'remove' is not one of 'add', 'list'"),
    ],
)
async def test_wrong_use_says_what_is_right(user: Terminal, arguments: list[str], says: str) -> None:
    refused = await user.run("models", *arguments)
    assert refused.code == 2
    assert says in refused.err


async def test_a_folder_that_cannot_be_written_is_named(user: Terminal, tmp_path: Path) -> None:
    user.home.mkdir()
    (user.home / "models").write_text("in the way")
    refused = await user.run("models", "add", written(tmp_path / "model", networks.colours()))
    assert refused.code == 1
    assert f"{user.home}/models/classification: " in refused.err
    assert "FRAMELOG_MODELS" in refused.err
