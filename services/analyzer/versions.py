"""Which model a version names, kept in object storage: no version ever names two."""

from collections.abc import Iterable

import orjson

from adapters.objects import ObjectMissing, Objects
from contracts import ids
from services.analyzer.algorithm import NetworkAlgorithm


class AnotherModel(Exception):
    """The version of an algorithm names another model already. One line."""


async def claim(objects: Objects, algorithms: Iterable[NetworkAlgorithm]) -> None:
    """Writes down what each version is made of, where it is new. Raises AnotherModel, and TryLater."""
    for one in algorithms:
        if one.made_of:
            await _claim(objects, one)


async def _claim(objects: Objects, algorithm: NetworkAlgorithm) -> None:
    key, own = ids.version_key(algorithm.name, algorithm.version), dict(algorithm.made_of)
    stands = await _read(objects, key)
    if stands is None:
        await objects.put(key, orjson.dumps(own), "application/json")
        stands = await _read(objects, key)  # of two at the same moment one is told
    if stands != own:
        raise AnotherModel(
            f"{algorithm.name} {algorithm.version} is {_said(stands)} and not {_said(own)}: "
            f"facts name their model by its version, so raise it; see docs/captions.md"
        )


async def _read(objects: Objects, key: str) -> object:
    try:
        return orjson.loads(await objects.get(key))
    except (ObjectMissing, orjson.JSONDecodeError):
        return None


def _said(of: object) -> str:
    return orjson.dumps(of).decode()
