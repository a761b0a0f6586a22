"""Prints what each installed algorithm says of itself, made from the settings on stdin; both are JSON.

In a process of its own, as imports stay for ever.
"""

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import redirect_stdout
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import orjson
from msgspec import structs

from contracts.algorithms import GROUP, NETWORK_GROUP, Descriptor, Disabled


def descriptors(settings: Mapping[str, str]) -> Iterator[Descriptor]:
    points = (*entry_points(group=GROUP), *entry_points(group=NETWORK_GROUP))
    for point in sorted(points, key=lambda point: point.name):
        try:
            made: Callable[[Mapping[str, str]], Any] = point.load()
        except Exception as error:  # whatever a stranger's module raises: it is not there, the others are
            yield _described(point, None, f"it cannot be loaded: {type(error).__name__}: {error}")
            continue
        try:
            yield _described(point, made(settings), None)
        except Disabled as reason:
            yield _described(point, made, str(reason))
        except Exception as error:
            yield _described(point, made, f"it cannot start: {type(error).__name__}: {error}")


def _described(point: EntryPoint, algorithm: object, reason: str | None) -> Descriptor:
    """`algorithm` is an instance, or the class where there can be none."""

    def said(name: str, kind: type, otherwise: Any) -> Any:
        value = getattr(algorithm, name, otherwise)
        return value if isinstance(value, kind) else otherwise

    version = said("version", int, None)
    return Descriptor(
        name=said("name", str, point.name),
        version=None if version is None else str(version),
        enabled=reason is None,
        reason=reason,
        description=said("description", str, ""),
        params_schema=said("params_schema", Mapping, {}),
        result_schema=said("result_schema", Mapping, {}),
    )


if __name__ == "__main__":
    with redirect_stdout(sys.stderr):  # what an algorithm prints when it is imported
        found = [structs.asdict(one) for one in descriptors(orjson.loads(sys.stdin.buffer.read()))]
    sys.stdout.buffer.write(orjson.dumps(found))
