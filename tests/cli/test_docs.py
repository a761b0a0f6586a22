"""docs/cli.md tells of every command and every option there is."""

from pathlib import Path

import pytest

from cli.main import COMMANDS, load

PAGE = (Path(__file__).parents[2] / "docs" / "cli.md").read_text()


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_has_a_section_that_names_its_options(name: str) -> None:
    _, found, section = PAGE.partition(f"## `framelog {name}`")
    assert found
    section = section.partition("\n## ")[0]
    for option in (option for parameter in load(name).params for option in parameter.opts):
        assert not option.startswith("--") or option in section, option


@pytest.mark.parametrize("name", ["upload", "show", "search", "history", "algorithms"])
def test_help_teaches_with_examples(name: str) -> None:
    assert f"framelog {name} " in (load(name).help or "").partition("Examples:")[2] + " "
