"""Same log, same rows: whatever the batch size, the interleaving of the topics, and the duplicates."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.codec import decode
from contracts.events import Position
from contracts.topics import ANALYSES, IMAGES
from services.projector.fold import Cut, cut, fold, touched
from services.projector.projections import PROJECTIONS
from services.projector.rows import TABLES, Rows
from tests import events
from tests.contracts.test_examples import EXAMPLES, record_of
from tests.events import NOON, uid

IMAGE_IDS = [uid("image a"), uid("image b")]
Log = list[Cut]

changes = st.sampled_from([{}, {"title": "t"}, {"title": None}, {"tags": ("x", "y")}, {"visibility": "public"}])
versions = st.sampled_from([None, 1, 2, 3])
image_events = st.one_of(
    st.builds(events.uploaded, st.sampled_from(IMAGE_IDS)),
    st.builds(
        lambda image, version, change, replaces: events.updated(
            image,
            expected_version=version,
            changes=change,
            replaces_content=replaces,
            content=events.content("new" if replaces else "bytes"),
        ),
        st.sampled_from(IMAGE_IDS),
        versions,
        changes,
        st.booleans(),
    ),
    st.builds(events.deleted, st.sampled_from(IMAGE_IDS), versions),
    st.builds(events.restored, st.sampled_from(IMAGE_IDS)),
)
analysis_events = st.builds(
    lambda make, image, cause: make(image, uid(cause)),
    st.sampled_from([events.started, events.completed, events.failed]),
    st.sampled_from(IMAGE_IDS),
    st.sampled_from(["upload", "edit"]),
)


@st.composite
def logs(draw: st.DrawFn) -> tuple[Log, Log]:
    """One partition of each topic. A repeated number is a duplicate: another record of the same event."""

    def log(topic: str, of: st.SearchStrategy[Any]) -> Log:
        happened = draw(st.lists(of, max_size=12))
        order = draw(st.lists(st.sampled_from(range(len(happened))), max_size=20)) if happened else []
        return [
            cut(events.recorded(happened[one], (topic, one), Position(topic, 0, offset), NOON + timedelta(offset)))
            for offset, one in enumerate(order)
        ]

    return log(IMAGES.name, image_events), log(ANALYSES.name, analysis_events)


def folded(batches: list[Log]) -> Rows:
    """The whole read model after some batches, as a store would keep it."""
    standing: Rows = {name: {} for name in TABLES}
    for batch in batches:
        asked = touched(batch)
        prior = {name: {key: standing[name][key] for key in asked[name] if key in standing[name]} for name in asked}
        for name, rows in fold(prior, batch).items():
            assert TABLES[name].writing == "replace" or not rows.keys() & standing[name].keys()
            standing[name] |= rows
    return standing


def columns(rows: Rows) -> dict[str, list[tuple[Any, ...]]]:
    return {name: sorted((TABLES[name].values(state) for state in rows[name].values()), key=repr) for name in rows}


@given(logs(), st.data())
def test_any_cut_and_interleaving_gives_the_same_rows(both: tuple[Log, Log], data: st.DataObject) -> None:
    images, analyses = (list(log) for log in both)
    mixed: Log = []
    while images or analyses:
        source = data.draw(st.sampled_from([log for log in (images, analyses) if log]))
        mixed.append(source.pop(0))
    batches: list[Log] = []
    while mixed:
        size = data.draw(st.integers(1, len(mixed)))
        batches.append(mixed[:size])
        del mixed[:size]
    assert columns(folded(batches)) == columns(folded([[one] for log in both for one in log]))


@given(logs())
def test_a_log_read_twice_changes_nothing(both: tuple[Log, Log]) -> None:
    once = [*both[0], *both[1]]
    assert columns(folded([once])) == columns(folded([once, once])) == columns(folded([once + once]))


@given(logs())
def test_every_event_has_one_row_and_versions_rise_by_one(both: tuple[Log, Log]) -> None:
    rows = folded([both[0]])
    assert set(rows["events"]) == {one.row.event_id for one in both[0]}
    by_image: dict[Any, list[int]] = {}
    for row in sorted(rows["events"].values(), key=lambda row: row.position.offset):
        if row.reason is None:
            by_image.setdefault(row.image_id, []).append(row.version)
    assert all(versions == list(range(1, len(versions) + 1)) for versions in by_image.values())
    assert {image: rows["images"][image].state.version for image in by_image} == {
        image: versions[-1] for image, versions in by_image.items()
    }


@pytest.mark.parametrize("name", [name for name, one in EXAMPLES.items() if one["topic"] != "framelog.dead-letters"])
def test_every_golden_event_can_be_folded_and_laid_in_columns(name: str) -> None:
    rows = folded([[cut(decode(record_of(EXAMPLES[name])))]])
    assert len(rows["events"]) == 1
    for table, states in rows.items():
        for state in states.values():
            assert len(TABLES[table].values(state)) == len(TABLES[table].columns)


@given(logs())
def test_a_state_read_back_from_its_columns_is_the_same(both: tuple[Log, Log]) -> None:
    rows = folded([[*both[0], *both[1]]])
    for name in ("images", "attempts"):
        for state in rows[name].values():
            assert TABLES[name].load(TABLES[name].values(state)) == state


def test_the_table_of_contents_and_the_tables_agree() -> None:
    assert {"events", "parked", *PROJECTIONS} == set(TABLES)
