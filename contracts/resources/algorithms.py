"""Algorithms and their versions as the API shows them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from msgspec import structs

from contracts.algorithms import Descriptor, Promotion
from contracts.events import Json, Params
from contracts.resources.images import time, without_renditions


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """What one version of an algorithm found in an image; `current` where it speaks for the algorithm."""

    algorithm: str
    version: int
    params: Params
    completed_at: datetime
    result: dict[str, Json]
    current: bool


def algorithm_json(one: Descriptor, promoted: Promotion | None, versions: Sequence[int]) -> dict[str, Json]:
    """An installed algorithm: `version` is what runs, `current_version` what speaks where an image has it."""
    return structs.asdict(one) | {
        "current_version": str(promoted.version) if promoted else None,
        "versions": [str(version) for version in versions],
    }


def promoted_json(promoted: Promotion, versions: Sequence[int]) -> dict[str, Json]:
    return {
        "name": promoted.algorithm,
        "current_version": str(promoted.version),
        "versions": [str(version) for version in versions],
        "promoted_at": time(promoted.since),
        "promoted_by": promoted.actor,
    }


def versions_json(found: Iterable[Version]) -> dict[str, Json]:
    """By algorithm, in the order they come."""
    return {name: [_version(one) for one in every] for name, every in groupby(found, lambda one: one.algorithm)}


def _version(one: Version) -> dict[str, Json]:
    return {
        "algorithm_version": str(one.version),
        "current": one.current,
        "params": one.params,
        "completed_at": time(one.completed_at),
        "result": without_renditions(one.result),
    }
