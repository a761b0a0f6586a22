"""The fold of an image, event by event."""

from datetime import timedelta
from typing import Any

import pytest

from contracts.events import Rejected
from contracts.images import Image, ImageEvent, apply
from tests import events
from tests.events import NOON, content, deleted, restored, uid, updated, uploaded

ID = uid("image")


def folded(*happened: ImageEvent) -> Image | Rejected | None:
    """The last answer of the fold; a rejected event leaves the state as it was."""
    state: Image | None = None
    answer: Image | Rejected | None = None
    for minute, event in enumerate(happened):
        answer = apply(state, event, NOON + timedelta(minutes=minute))
        state = state if isinstance(answer, Rejected) else answer
    return answer


def standing(*happened: ImageEvent) -> Image:
    image = folded(*happened)
    assert isinstance(image, Image)
    return image


def test_an_upload_is_version_one() -> None:
    image = standing(uploaded(ID, title="Beach"))
    assert (image.version, image.title, image.created_at, image.updated_at) == (1, "Beach", NOON, NOON)


def test_every_accepted_change_raises_the_version() -> None:
    image = standing(uploaded(ID), updated(ID), deleted(ID), restored(ID))
    assert (image.version, image.deleted_at, image.created_at) == (4, None, NOON)
    assert image.updated_at == NOON + timedelta(minutes=3)


def test_a_patch_changes_what_it_names_and_none_clears() -> None:
    image = standing(uploaded(ID, title="a", tags=("x",)), updated(ID, changes={"title": None, "visibility": "public"}))
    assert (image.title, image.tags, image.visibility, image.filename) == (None, ("x",), "public", "beach.jpg")


def test_only_an_update_that_says_so_replaces_the_bytes() -> None:
    stale = updated(ID, content=content("stale"), replaces_content=False)
    new = updated(ID, content=content("new"), replaces_content=True)
    assert standing(uploaded(ID), stale).content == content()
    assert standing(uploaded(ID), new).content == content("new")


@pytest.mark.parametrize(
    ("happened", "reason"),
    [
        ([updated(ID)], "image-not-found"),
        ([deleted(ID)], "image-not-found"),
        ([restored(ID)], "image-not-found"),
        ([uploaded(ID), uploaded(ID)], "image-exists"),
        ([uploaded(ID), restored(ID)], "image-not-deleted"),
        ([uploaded(ID), updated(ID, expected_version=2)], "version-mismatch"),
        ([uploaded(ID), updated(ID, expected_version=0)], "version-mismatch"),
        ([uploaded(ID), deleted(ID, 7)], "version-mismatch"),
        ([uploaded(ID), deleted(ID), updated(ID, expected_version=2)], "image-deleted"),
        ([uploaded(ID), deleted(ID), deleted(ID)], "image-deleted"),
        ([uploaded(ID), deleted(ID), uploaded(ID)], "image-exists"),
    ],
)
def test_a_proposal_the_state_contradicts_is_rejected(happened: list[Any], reason: str) -> None:
    assert folded(*happened) == Rejected(reason)


def test_of_two_proposals_for_one_version_the_first_counts() -> None:
    first, second = (updated(ID, expected_version=1, changes={"title": title}) for title in ("first", "second"))
    assert folded(uploaded(ID), first, second) == Rejected("version-mismatch")
    assert standing(uploaded(ID), first, second, updated(ID, expected_version=2)).title == "first"


def test_an_analysis_keeps_its_first_outcome() -> None:
    from contracts import analyses

    cause = uid("upload")
    done = analyses.apply(None, events.completed(ID, cause), NOON)
    late = analyses.apply(done, events.failed(ID, cause), NOON + timedelta(minutes=1))
    assert (late.state, late.finished_at, late.started_at) == ("completed", NOON, None)
    begun = analyses.apply(late, events.started(ID, cause), NOON + timedelta(minutes=2))
    assert (begun.state, begun.started_at) == ("completed", NOON + timedelta(minutes=2))
