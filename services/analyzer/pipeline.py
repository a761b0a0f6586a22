"""What every wanted algorithm says of one picture. Pure: no store, no clock; one algorithm's failure is its own."""

import logging
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import jsonschema_rs
import orjson

from contracts.algorithms import Schema
from contracts.analyses import Failure, Result
from contracts.events import Params
from contracts.images import Wanted
from services.analyzer.algorithm import Algorithm, Finding, Rendition, Unable
from services.analyzer.decoded import DecodedImage
from services.analyzer.jobs import failed
from services.analyzer.opening import Unreadable

LARGEST_RESULT = 256 * 1024  # bytes of JSON: all of a group's results travel in one event
log = logging.getLogger(__name__)


class Analysed(NamedTuple):
    """One outcome per wanted algorithm, in their order, and the pictures that the results speak of."""

    outcomes: list[Result | Failure]
    renditions: list[Rendition]


def analyze(image: DecodedImage, wanted: Sequence[Wanted], installed: Mapping[str, Algorithm]) -> Analysed:
    """Never raises over a picture or an algorithm: what cannot be found is a Failure."""
    analysed = Analysed([], [])
    for one in wanted:
        attempt = _attempt(image, one, installed.get(one.algorithm))
        if isinstance(attempt, Finding):
            analysed.renditions.extend(attempt.renditions)
            analysed.outcomes.append(as_result(one, installed[one.algorithm].version, attempt))
        else:
            analysed.outcomes.append(attempt)
    return analysed


def _attempt(image: DecodedImage, wanted: Wanted, algorithm: Algorithm | None) -> Finding | Failure:
    if algorithm is None:
        return failed(wanted, "algorithm-disabled", f"{wanted.algorithm} is not installed here")
    try:
        check_params(algorithm.params_schema, wanted.params)
        finding = algorithm.analyze(image, wanted.params)
        check_finding(finding)
    except Exception as error:
        return blamed(wanted, error, image.sha256)
    return finding


def blamed(wanted: Wanted, error: Exception, sha256: str) -> Failure:
    """What an algorithm raised over the picture `sha256`, as its failure. Call it where the error was caught."""
    match error:
        case jsonschema_rs.ValidationError():
            return failed(wanted, "invalid-params", _wrong(error))
        case Unreadable() | Unable():
            return failed(wanted, error.type, error.detail)
        case MemoryError():
            return failed(wanted, "decode-memory", "there is not enough memory for this picture")
    log.exception("%s failed on %s", wanted.algorithm, sha256)
    return failed(wanted, "algorithm-failed", f"{type(error).__name__}: {error}")


def as_result(wanted: Wanted, version: int, finding: Finding) -> Result:
    return Result(algorithm=wanted.algorithm, version=version, params=wanted.params, result=finding.result)


def check_params(schema: Schema, params: Params) -> None:
    """Raises jsonschema_rs.ValidationError."""
    jsonschema_rs.validate(dict(schema), params)


def _wrong(error: jsonschema_rs.ValidationError) -> str:
    """What is wrong, after a JSON pointer to where it is."""
    pointer = "".join(f"/{part}" for part in error.instance_path)
    return f"{pointer}: {error.message}" if pointer else error.message


def check_finding(finding: Finding) -> None:
    """Refuses what no event and no database can hold, whoever wrote the algorithm. Raises ValueError, TypeError."""
    encoded = orjson.dumps(finding.result)
    if len(encoded) > LARGEST_RESULT:
        raise ValueError(f"the result is {len(encoded)} bytes of JSON, of at most {LARGEST_RESULT}")
    if b"\\u0000" in encoded:
        raise ValueError("the result holds a NUL character")
