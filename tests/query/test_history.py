"""What the history of an image says, from its events alone."""

from datetime import UTC, datetime

from contracts.events import Json, Position
from contracts.images import ImageEvent
from contracts.resources.history import Known, Lived, Promoted, history_json
from tests import events
from tests.events import uid

IMAGE = uid("image")


def told(*life: tuple[ImageEvent, str | None]) -> list[dict[str, Json]]:
    """The history of events and the reasons for which they were rejected, an hour apart."""
    version = 0
    lived = []
    for number, (event, reason) in enumerate(life):
        version += reason is None
        lived.append(
            Lived(
                event_id=uid(number),
                type="framelog.image.tested.v1",
                time=datetime(2026, 3, 1, number, tzinfo=UTC),
                actor="alice",
                position=Position("framelog.images", 3, number),
                version=version if reason is None else None,
                reason=reason,
                event=event,
            )
        )
    return list(history_json(lived))


def test_the_first_event_begins_everything() -> None:
    (entry,) = told((events.uploaded(IMAGE, title="Beach", tags=("sea",)), None))
    assert entry["changes"]["title"] == [None, "Beach"]
    assert entry["changes"]["tags"] == [None, ["sea"]]
    assert entry["changes"]["sha256"] == [None, events.sha("bytes")]
    assert "description" not in entry["changes"]
    assert (entry["version"], entry["accepted"], entry["reason"]) == (1, True, None)
    assert (entry["time"], entry["position"]) == ("2026-03-01T00:00:00Z", "framelog.images:3:0")


def test_each_change_is_shown_with_what_was_before() -> None:
    _, edited, replaced, deleted, restored = told(
        (events.uploaded(IMAGE, title="Beach"), None),
        (events.updated(IMAGE, changes={"title": None, "tags": ("sea",), "visibility": "private"}), None),
        (events.updated(IMAGE, content=events.content("other"), replaces_content=True), None),
        (events.deleted(IMAGE), None),
        (events.restored(IMAGE), None),
    )
    assert edited["changes"] == {"title": ["Beach", None], "tags": [None, ["sea"]]}
    assert replaced["changes"] == {"sha256": [events.sha("bytes"), events.sha("other")]}
    assert deleted["changes"] == {"deleted_at": [None, "2026-03-01T03:00:00Z"]}
    assert restored["changes"] == {"deleted_at": ["2026-03-01T03:00:00Z", None]}
    assert [one["version"] for one in (edited, replaced, deleted, restored)] == [2, 3, 4, 5]


def test_a_rejected_proposal_shows_what_it_proposed_and_changes_nothing() -> None:
    _, refused, edited = told(
        (events.uploaded(IMAGE, title="Beach"), None),
        (events.updated(IMAGE, expected_version=7, changes={"title": "Late"}), "version-mismatch"),
        (events.updated(IMAGE, expected_version=1, changes={"title": "Sea"}), None),
    )
    assert (refused["accepted"], refused["reason"], refused["version"]) == (False, "version-mismatch", None)
    assert refused["changes"] == {"title": ["Beach", "Late"]}
    assert edited["changes"] == {"title": ["Beach", "Sea"]}


def test_a_proposal_before_there_is_an_image_can_be_told_too() -> None:
    (refused,) = told((events.updated(IMAGE, changes={"title": "Early"}), "image-not-found"))
    assert refused["changes"] == {"title": [None, "Early"]}


def test_an_analysis_changes_what_speaks_and_not_what_was_found() -> None:
    def found(version: int, number: int) -> Lived:
        result = events.Result(algorithm="hash", version=version, params={}, result={})
        return Lived(
            event_id=uid(number),
            type="framelog.analysis.tested.v1",
            time=datetime(2026, 3, 1, number, tzinfo=UTC),
            actor=None,
            position=Position("framelog.analyses", 3, number),
            version=None,
            reason=None,
            event=events.completed(IMAGE, uid(number), results=(result,)),
        )

    promoted = [
        Promoted("hash", 1, datetime(2026, 3, 1, tzinfo=UTC)),
        Promoted("exif", 3, datetime(2026, 3, 1, 2, tzinfo=UTC)),
        Promoted("hash", 3, datetime(2026, 3, 1, 4, tzinfo=UTC)),
    ]
    life = [found(2, 1), found(1, 2), found(3, 3), found(4, 5), found(5, 6)]
    said = [one["changes"] for one in history_json(life, Known(promoted=promoted))]
    assert said == [{"hash": [None, "2"]}, {"hash": ["2", "1"]}, {}, {}, {}]
    assert [one["changes"] for one in history_json(life)] == [
        {"hash": [None, "2"]},
        {},
        {"hash": ["2", "3"]},
        {"hash": ["3", "4"]},
        {"hash": ["4", "5"]},
    ]
