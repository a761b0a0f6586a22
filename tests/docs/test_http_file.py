"""examples/framelog.http asks every route there is, none that there is not, and uses no variable before it is made."""

import json
import re
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest

from tests.described import Operation, document, operations

TEXT = (Path(__file__).parents[2] / "examples" / "framelog.http").read_text()
REQUESTS = re.findall(r"^(GET|POST|PUT|PATCH|DELETE) {{url}}(\S+)$", TEXT, re.MULTILINE)
OPERATIONS = list(operations(document()))
PAGES = {("GET", "/readyz")}
VARIABLE = r"{{[^}]+}}"


def operation_of(method: str, target: str) -> Operation | None:
    path = urlsplit(re.sub(VARIABLE, "x", target)).path
    exact = sorted(OPERATIONS, key=lambda one: one.path.count("{"))
    return next((one for one in exact if one.method == method and _pattern(one.path).fullmatch(path)), None)


def _pattern(path: str) -> re.Pattern[str]:
    return re.compile("[^/]+".join(map(re.escape, re.split(r"{\w+}", path))))


@pytest.mark.parametrize(("method", "target"), [one for one in REQUESTS if one not in PAGES])
def test_a_request_asks_a_route_that_is_there(method: str, target: str) -> None:
    found = operation_of(method, target)
    assert found
    query = urlsplit(re.sub(VARIABLE, "x", target)).query
    assert {name for name, _ in parse_qsl(query)} <= set(found.params["query"])


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda one: one.name)
def test_a_route_that_is_there_is_asked(operation: Operation) -> None:
    assert operation in [operation_of(*one) for one in REQUESTS]


def test_a_variable_is_made_before_it_is_used() -> None:
    made: set[str] = set()
    for line in TEXT.splitlines():
        if not line.startswith("#"):
            assert {re.split(r"[.\[]", name)[0] for name in re.findall(r"{{([^}]+)}}", line)} <= made, line
        if found := re.match(r"(?:@|# @name )(\w+)", line):
            made.add(found[1])


def test_every_body_is_json_with_the_fields_of_its_route() -> None:
    for block in TEXT.split("\n### "):
        body = re.search(r"^{.*}$", block, re.MULTILINE)
        asked = re.search(r"^(\w+) {{url}}(\S+)$", block, re.MULTILINE)
        if body and asked:
            found = operation_of(asked[1], asked[2])
            assert found
            assert set(json.loads(body[0])) <= set(found.fields), asked[0]
