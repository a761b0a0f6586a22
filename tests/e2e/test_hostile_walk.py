"""A hostile user walks through every route of the OpenAPI document, with real ids and the values that break things.

What is sent is made from a fixed seed, so that a failure comes again. Whatever it is: never a 500, every no a problem,
every answer with its request's id.
"""

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
import pytest_asyncio
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from tests.described import GHOST, Operation, document, kinds, operations
from tests.e2e.crowd import belongings, people
from tests.e2e.test_error_shape import is_problem
from tests.pictures import photograph
from tests.query.world import World, world
from tests.running import Stack

OPERATIONS = list(operations(document()))
WALKED = settings(
    max_examples=20,
    derandomize=True,
    deadline=None,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)

TEXTS = (
    *("", " ", "\0", "a\0b", "\t\r\n", "\x7f", "\x85", "\ud800", "\udfff", "\ufeff", "\u202etxt", "🦊", "é", "ß", "İ"),
    *("null", "true", "-1", "0", "1e999", "NaN", str(2**63), str(10**40), "٣", "0x7f", "1_0"),
    *(
        "'; DROP TABLE images --",
        '"',
        "\\",
        "%",
        "%00",
        "%s%s%n",
        "${jndi:ldap://x}",
        "{{7*7}}",
        "<script>",
        "../../etc",
    ),
    *("*", "/", "//", "?", "#", "a" * 33, "a" * 101, "a" * 5_000, "http://127.0.0.1/", "file:///etc/passwd", "//x"),
    *(
        GHOST,
        GHOST.upper(),
        "{" + GHOST + "}",
        "admin",
        "ADMIN",
        "2024-02-30",
        "0001-01-01",
        "9999-12-31T23:59:59-14:00",
    ),
)
NUMBERS = (0, -0.0, -1, 1, 2**31, 2**63, -(2**63) - 1, 10**40, 0.1, 1e308, float("nan"), float("inf"), True)
TYPES = ("application/json", "application/merge-patch+json", "text/plain", "application/x-www-form-urlencoded", "", "x")

texts = st.sampled_from(TEXTS) | st.text(max_size=20)
scalars = st.none() | st.booleans() | st.sampled_from(NUMBERS) | texts
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3), max_leaves=6
)
in_headers = st.sampled_from(TEXTS).map(lambda one: one.encode(errors="replace")) | st.binary(max_size=20)
header_texts = in_headers.map(lambda one: bytes(byte for byte in one[:1_000] if byte >= 32 and byte != 127).strip())


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(stack: Stack) -> AsyncIterator[World]:
    async with world(stack) as one:
        yield one


@pytest.fixture(scope="module")
def mallory(served: World) -> Iterator[httpx.Client]:
    with people(served) as everyone:
        yield everyone.somebody("mallory")


@pytest.fixture(scope="module")
def known(mallory: httpx.Client) -> dict[str, str]:
    return belongings(mallory, "mallory")


def plausible(schema: Any, known: dict[str, str]) -> SearchStrategy[Any]:
    """What a field takes, more or less: so that something hostile beside it is looked at too."""
    taken = kinds(schema)
    fits: list[SearchStrategy[Any]] = [st.sampled_from(schema["enum"])] if "enum" in schema else []
    fits += [st.integers(0, 200)] if taken & {"integer", "number"} else []
    fits += [st.booleans()] if "boolean" in taken else []
    fits += [st.lists(texts, max_size=3)] if "array" in taken else []
    fits += [st.dictionaries(texts, values, max_size=2)] if "object" in taken else []
    fits += [texts | st.sampled_from(["hash", "thumbnail", *known.values()])] if "string" in taken else []
    return st.one_of(*fits) if fits else values


def chosen(fields: Any, known: dict[str, str]) -> SearchStrategy[dict[str, Any]]:
    """Some of the fields, each with what it takes or with anything at all."""
    return st.fixed_dictionaries({}, optional={name: plausible(one, known) | values for name, one in fields.items()})


def bodies(operation: Operation, known: dict[str, str]) -> SearchStrategy[tuple[str, bytes]]:
    """A content type and the bytes under it."""
    said = chosen(operation.fields, known) if operation.fields else values
    reasonable = st.tuples(st.just("application/json"), said.map(lambda one: json.dumps(one).encode()))
    picture = st.sampled_from(
        [b"", b"x", b"\xff\xd8\xff", photograph(20, 20)[:200], b'{"a":' * 5_000, b"{", b"\xff" * 99]
    )
    return reasonable | reasonable | st.tuples(st.sampled_from(TYPES), picture | st.binary(max_size=50))


def paths(operation: Operation, known: dict[str, str]) -> SearchStrategy[str]:
    names = operation.params["path"]
    filled = {name: st.just(known.get(name, GHOST)) | st.just(known.get(name, GHOST)) | texts for name in names}
    return st.fixed_dictionaries(filled).map(
        lambda given: operation.at({name: text.encode(errors="replace").decode() for name, text in given.items()})
    )


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda one: one.name)
def test_nothing_that_a_hostile_user_sends_is_a_mistake_of_ours(
    operation: Operation, mallory: httpx.Client, known: dict[str, str]
) -> None:
    named = st.sampled_from([b"If-Match", b"Idempotency-Key", b"Range", b"If-None-Match", b"traceparent"])
    headers = st.lists(st.tuples(named, header_texts | st.just(b"*")), max_size=2)
    queries = chosen(operation.params["query"], known)

    @WALKED
    @given(path=paths(operation, known), query=queries, headers=headers, body=bodies(operation, known))
    def holds(path: str, query: dict[str, Any], headers: list[tuple[bytes, bytes]], body: tuple[str, bytes]) -> None:
        kind, content = body
        sent = {"content": content} if operation.method != "GET" else {}
        params = {name: _in_a_query(value) for name, value in query.items()}
        answer = mallory.request(
            operation.method, path, params=params, headers=[*headers, (b"Content-Type", kind.encode())], **sent
        )
        if answer.status_code >= 400:
            is_problem(answer, answer.status_code)
        assert answer.status_code < 500, f"{path} {params} {headers} {content[:500]!r}: {answer.text}"
        assert answer.headers["x-request-id"]

    holds()


def _in_a_query(value: Any) -> str:
    return (value if isinstance(value, str) else json.dumps(value)).encode(errors="replace").decode()
