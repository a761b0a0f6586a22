"""Which version of an algorithm is current: the first that was seen, until somebody promotes another."""

from datetime import timedelta
from typing import Any

import pytest

from contracts.algorithms import Descriptor, Promotion, VersionPromoted, apply
from contracts.events import Rejected
from services.ingest.first_versions import first
from tests.events import NOON


def promoted(version: int, expected: int | None = None) -> VersionPromoted:
    return VersionPromoted(algorithm="hash", version=version, actor="admin", expected=expected)


def folded(*events: VersionPromoted) -> list[Promotion | Rejected]:
    """The state after each event, or its rejection."""
    standing: Promotion | None = None
    found = []
    for number, event in enumerate(events):
        state = apply(standing, event, NOON + timedelta(number))
        standing = standing if isinstance(state, Rejected) else state
        found.append(state)
    return found


def test_of_two_that_each_expect_none_the_first_counts() -> None:
    one, other = folded(promoted(1, 0), promoted(2, 0))
    assert isinstance(one, Promotion)
    assert (one.version, other) == (1, Rejected("version-mismatch"))


def test_a_promotion_and_its_reversal_know_both_versions() -> None:
    *_, last = folded(promoted(1, 0), promoted(2), promoted(1, 2))
    assert isinstance(last, Promotion)
    assert (last.version, last.known, last.since) == (1, (1, 2), NOON + timedelta(2))


def test_promoting_what_is_current_changes_nothing() -> None:
    one, again = folded(promoted(1), promoted(1))
    assert one is again


def described(name: str, version: str | None = "2", enabled: bool = True) -> Descriptor:
    fields: dict[str, Any] = {"reason": None, "description": "", "params_schema": {}, "result_schema": {}}
    return Descriptor(name=name, version=version, enabled=enabled, **fields)


@pytest.mark.parametrize(
    ("installed", "found", "version"),
    [
        (described("hash"), {}, 2),
        (described("hash"), {"hash": [1, 2]}, 1),
        (described("hash"), {"exif": [1]}, 2),
        (described("hash", enabled=False), {}, None),
        (described("hash", version=None), {"hash": [1]}, None),
    ],
)
def test_the_first_version_ever_seen_is_promoted(
    installed: Descriptor, found: dict[str, list[int]], version: int | None
) -> None:
    events = list(first([installed], {}, found))
    assert [event.version for event in events] == ([] if version is None else [version])
    assert all(event.expected == 0 for event in events)


def test_a_newer_version_is_not_promoted_where_one_has_been() -> None:
    standing = Promotion(algorithm="hash", version=1, known=(1,), actor="framelog", since=NOON)
    assert list(first([described("hash")], {"hash": standing}, {"hash": [1, 2]})) == []
