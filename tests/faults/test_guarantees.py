"""docs/guarantees.md names every drill, every promise, and nothing that there is not."""

import re
from pathlib import Path

import pytest

from tests.faults.drill import DRILLS, Drill
from tests.faults.drills import every
from tests.faults.invariants import PROMISES

PAGE = (Path(__file__).parents[2] / "docs" / "guarantees.md").read_text()
every()
NAMED = re.findall(r"`([a-z]+(?:-[a-z]+)+)`(\\\*)?", PAGE)
OTHERS = {"outcome-unknown", "webhook-id", "decoder-died"}


@pytest.mark.parametrize("one", DRILLS.values(), ids=lambda one: one.name)
def test_a_drill_is_named_and_marked_if_it_is_part_of_make_test(one: Drill) -> None:
    assert (one.name, r"\*" if one.short else "") in NAMED


def test_nothing_is_named_that_is_no_drill() -> None:
    assert {name for name, _ in NAMED} - OTHERS == set(DRILLS)


@pytest.mark.parametrize("promise", PROMISES)
def test_a_promise_is_stated(promise: str) -> None:
    assert f"\n| {promise} | " in PAGE


@pytest.mark.parametrize("one", DRILLS.values(), ids=lambda one: one.name)
def test_a_drill_says_in_a_sentence_what_it_does(one: Drill) -> None:
    assert one.sentence.endswith(".")


@pytest.mark.parametrize("path", re.findall(r"\]\(\.\./([\w./-]+)\)", PAGE))
def test_a_file_that_is_linked_is_there(path: str) -> None:
    assert (Path(__file__).parents[2] / path).exists()
