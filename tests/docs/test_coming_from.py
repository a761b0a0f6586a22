"""docs/coming-from.md names no route, param or field that there is not."""

import re
from pathlib import Path

import pytest

from tests.described import document, operations

PAGE = (Path(__file__).parents[2] / "docs" / "coming-from.md").read_text()
OPERATIONS = list(operations(document()))
INFER = {("POST", "/v1/infer/classification")}
"""Another process's, which tells of itself in /openapi.json of its own."""

SAID = re.findall(r"`(GET|POST|PUT|PATCH|DELETE) (/v1/[^`\s]*)`", PAGE)
LINES = [line for line in PAGE.splitlines() if "$URL/v1" in line]


def known(method: str, path: str) -> bool:
    """Whether there is such a route; a segment in braces, or a variable of the shell, fills any param."""
    bare, _, query = path.partition("?")
    wanted = re.sub(r"{\w+}|\$\w+", "alice", bare).strip("/").split("/")
    for one in OPERATIONS:
        parts = one.path.strip("/").split("/")
        fits = [part == asked or part.startswith("{") for part, asked in zip(parts, wanted, strict=False)]
        if one.method == method and len(parts) == len(wanted) and all(fits):
            return set(re.findall(r"(\w+)=", query)) <= set(one.params["query"])
    return (method, bare) in INFER


def method_of(line: str) -> str:
    """What curl sends."""
    asked = re.search(r"-X (\w+)", line)
    return asked[1] if asked else "POST" if re.search(r" -(d|F) ", line) else "GET"


def test_there_is_something_to_check() -> None:
    assert len(SAID) > 40
    assert len(LINES) > 15


@pytest.mark.parametrize(("method", "path"), sorted(set(SAID)))
def test_a_route_that_is_named_is_there(method: str, path: str) -> None:
    assert known(method, path)


@pytest.mark.parametrize("line", LINES)
def test_a_line_of_shell_asks_a_route_that_is_there(line: str) -> None:
    for path in re.findall(r"\$URL(/v1/[^\s\"')|]*)", line):
        assert known(method_of(line), path), path


def test_every_kind_of_route_has_its_place() -> None:
    """Whoever comes from elsewhere is told of every route but a few that nothing elsewhere is like."""
    told = {path.partition("?")[0] for _, path in SAID}
    generic = {re.sub(r"{\w+}", "{}", path) for path in told}
    untold = {re.sub(r"{\w+}", "{}", one.path) for one in OPERATIONS} - generic
    assert untold <= {
        "/v1/me/webhook-secret",
        "/v1/me/webhook-secret/rotate",
        "/v1/uploads",
        "/v1/uploads/{}/complete",
        "/v1/images:from-url",
        "/v1/images/{}/reanalyze",
        "/v1/images/{}/revert",
        "/v1/events",
        "/v1/events/{}",
    } | {path for path in untold if path.startswith(("/v1/admin", "/v1/algorithms/"))}


@pytest.mark.parametrize("name", re.findall(r"\]\(([\w./-]+\.md)\)", PAGE))
def test_a_page_that_is_linked_is_there(name: str) -> None:
    assert (Path(__file__).parents[2] / "docs" / name).exists()


@pytest.mark.parametrize("anchor", re.findall(r"\]\(#([\w-]+)\)", PAGE))
def test_a_section_that_is_linked_is_there(anchor: str) -> None:
    headings = [re.sub(r"[^\w -]", "", line.lstrip("# ")).lower() for line in PAGE.splitlines() if line.startswith("#")]
    assert anchor in [heading.replace(" ", "-") for heading in headings]
