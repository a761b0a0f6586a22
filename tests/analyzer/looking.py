"""How tests look at what the analyzer says of a picture."""

import hashlib
from collections.abc import Mapping
from functools import cache

from contracts.analyses import Failure, Result
from contracts.events import Json, Params
from contracts.images import Wanted
from services.analyzer import plugins
from services.analyzer.algorithm import Algorithm
from services.analyzer.decoded import DecodedImage
from services.analyzer.jobs import Caps
from services.analyzer.pipeline import Analysed, analyze

HOUSE = ("metadata", "exif", "thumbnail", "colors", "hash", "quality")
WANTED = [Wanted(algorithm=name) for name in HOUSE]


@cache
def house() -> Mapping[str, Algorithm]:
    return plugins.installed({})


def opened(data: bytes, caps: Caps | None = None) -> DecodedImage:
    return DecodedImage(data, hashlib.sha256(data).hexdigest(), caps)


def looked(data: bytes, caps: Caps | None = None) -> Analysed:
    return analyze(opened(data, caps), WANTED, house())


def results(data: bytes) -> dict[str, dict[str, Json]]:
    """Every house algorithm's result; fails the test where one has none."""
    outcomes = looked(data).outcomes
    assert [one for one in outcomes if isinstance(one, Failure)] == []
    return {one.algorithm: one.result for one in outcomes if isinstance(one, Result)}


def failures(data: bytes, caps: Caps | None = None) -> dict[str, str]:
    """The problem type of every house algorithm that failed."""
    return {one.algorithm: one.type for one in looked(data, caps).outcomes if isinstance(one, Failure)}


def result(algorithm: str, data: bytes, params: Params | None = None) -> dict[str, Json]:
    return house()[algorithm].analyze(opened(data), params or {}).result
