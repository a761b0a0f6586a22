"""Ten thousand random steps in the lives of images: whoever reads the history arrives at the row that is stored.

The events are those of the real commands, the rows those of the real fold in Postgres, batch by batch as a projector
would cut the log; only the log itself is a list.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal, get_args
from uuid import UUID

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from psycopg import AsyncConnection

from adapters import life
from adapters.ends import partition_of
from adapters.read_model import ReadModel
from contracts import images
from contracts.events import Json, Position, Recorded
from contracts.images import Image, ImageEvent, ImageUpdated
from contracts.resources.images import time
from contracts.topics import IMAGES
from services.ingest import commands_images as commands
from services.projector import schema
from services.projector.fold import cut, fold, touched
from services.projector.store import Move, Start, Store
from services.query.history import history
from tests import events
from tests.events import NOON, content, recorded, uid
from tests.ingest.serving import own_house
from tests.running import Stack

STEPS, LIVES, AT_ONCE = 100, 100, 3
Kind = Literal["edit", "replace", "revert", "delete", "restore", "again"]


@dataclass(frozen=True)
class Step:
    """`image` of AT_ONCE; `earlier` chooses a version to go back to; `expects` how far what one has read is behind."""

    kind: Kind
    image: int
    changes: dict[str, Any]
    bytes: int
    earlier: int
    expects: int | None
    after: int
    ends_batch: bool


steps = st.builds(
    Step,
    kind=st.sampled_from(get_args(Kind)),
    image=st.integers(0, AT_ONCE - 1),
    changes=st.fixed_dictionaries(
        {},
        optional={
            "title": st.none() | st.sampled_from(["", "Beach", "ß"]),
            "description": st.none() | st.just("d"),
            "tags": st.sampled_from([(), ("a",), ("a", "b")]),
            "visibility": st.sampled_from(["private", "public"]),
            "filename": st.sampled_from(["a.jpg", "b.png"]),
        },
    ),
    bytes=st.integers(0, 2),
    earlier=st.integers(0, 50),
    expects=st.none() | st.sampled_from([0, 0, 1]),
    after=st.integers(0, 2),
    ends_batch=st.booleans(),
)


@dataclass
class Life:
    """What a client knows of an image: its state, and all of its versions."""

    image: Image
    versions: dict[int, Image]

    def propose(self, step: Step) -> ImageEvent:
        expected = None if step.expects is None else max(0, self.image.version - step.expects)
        match step.kind:
            case "edit" | "again":
                return commands.edit(self.image, step.changes, expected, "alice")  # type: ignore[arg-type]
            case "replace":
                return commands.replace(self.image, content(step.bytes), expected, "alice")
            case "revert":
                then = self.versions[step.earlier % len(self.versions) + 1]
                return commands.revert(self.image, then, expected, "alice")
            case "delete":
                return commands.delete(self.image, expected, "alice")
            case "restore":
                return commands.restore(self.image, "alice")

    def live(self, event: ImageEvent, at: datetime) -> None:
        folded = images.apply(self.image, event, at)
        if isinstance(folded, Image):
            self.image = self.versions[folded.version] = folded
            if isinstance(event, ImageUpdated) and event.reverts_to:
                assert said(folded) == said(replace(self.versions[event.reverts_to], deleted_at=None))

    def at(self, at: datetime) -> Image:
        return max((one for one in self.versions.values() if one.updated_at <= at), key=lambda one: one.version)


@dataclass
class Rows:
    """A projector without a log: it is handed what it would have read."""

    store: Store
    read_model: ReadModel
    starts: dict[int, Start]
    now: datetime = NOON
    examples: int = 0
    steps: int = 0
    _batch: list[Recorded[Any]] = field(default_factory=list)

    async def append(self, event: ImageEvent, name: object, after: int = 1) -> datetime:
        self.now += timedelta(milliseconds=after)
        partition = partition_of(IMAGES, str(event.image_id))
        offset = self.starts[partition].next_offset + sum(one.position.partition == partition for one in self._batch)
        self._batch.append(recorded(event, name, Position(IMAGES.name, partition, offset), self.now))
        return self.now

    async def commit(self) -> None:
        batch = [cut(one) for one in self._batch]
        counts = {one.position.partition: one.position.offset + 1 for one in self._batch}
        moves = [Move(IMAGES.name, at, self.starts[at], end, self.now) for at, end in counts.items()]
        if moves:
            async with self.store.moving(moves):
                prior = await self.store.prior(touched(batch))
                await self.store.save(prior, fold(prior, batch))
        self.starts |= {at: Start(end, self.starts[at].epoch, self.now) for at, end in counts.items()}
        self._batch = []


@asynccontextmanager
async def projected(stack: Stack) -> AsyncIterator[Rows]:
    async with own_house(stack) as house, ReadModel(house.database) as read_model:
        async with await AsyncConnection.connect(house.database, autocommit=True) as connection:
            name = await schema.ensure(connection)
        store = await Store.connect(house.database, name)
        starts = await store.claim((IMAGES.name, number) for number in range(IMAGES.partitions))
        yield Rows(store, read_model, {partition: start for (_, partition), start in starts.items()})
        await store.close()


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture(scope="module")
def rows(stack: Stack, runner: asyncio.Runner) -> Iterator[Rows]:
    opened = projected(stack)
    yield runner.run(opened.__aenter__())
    runner.run(opened.__aexit__(None, None, None))


async def lived(rows: Rows, happened: Sequence[Step]) -> list[Life]:
    """Images whose lives are in the rows, with what their clients know."""
    rows.examples += 1
    ids = [uid(("life", rows.examples, number)) for number in range(AT_ONCE)]
    lives = []
    for image_id in ids:
        upload = events.uploaded(image_id, title="One", content=content(0))
        image = images.apply(None, upload, await rows.append(upload, ("upload", image_id)))
        assert isinstance(image, Image)
        lives.append(Life(image, {1: image}))
    last: tuple[ImageEvent, object] | None = None
    for number, step in enumerate(happened):
        if step.kind == "again" and last:  # the same record once more, as a retry leaves it
            await rows.append(*last, step.after)
        else:
            event, name = lives[step.image].propose(step), ("step", rows.examples, number)
            lives[step.image].live(event, await rows.append(event, name, step.after))
            last = event, name
        if step.ends_batch:
            await rows.commit()
    await rows.commit()
    rows.steps += len(happened)
    return lives


async def told(rows: Rows, image_id: UUID, page: int) -> tuple[dict[str, Json], int]:
    """The fields and the version at which one arrives by the `changes` of the history, read in such pages."""
    fields: dict[str, Json] = {}
    version, cursor = 0, None
    while True:
        items, cursor = await history(rows.read_model, image_id, page, cursor)
        for item in items:
            assert all(fields.get(name) == before for name, (before, _) in item["changes"].items())
            if item["accepted"]:
                fields |= {name: after for name, (_, after) in item["changes"].items()}
                assert item["version"] == version + 1
                version = item["version"]
        if cursor is None:
            return fields, version


def said(image: Image) -> dict[str, Json]:
    names = ("filename", "title", "description", "visibility")
    own = {name: getattr(image, name) for name in names} | {"tags": list(image.tags) or None}
    of_content = ("sha256", "size", "media_type", "width", "height")
    own |= {name: getattr(image.content, name) for name in of_content} | {"deleted_at": time(image.deleted_at)}
    return {name: value for name, value in own.items() if value is not None}


async def agrees(rows: Rows, one: Life, page: int) -> None:
    image_id = one.image.image_id
    stored = await rows.read_model.image(image_id)
    assert stored is not None
    assert stored.image == one.image, "the stored row is what the fold of the events is"
    fields, version = await told(rows, image_id, page)
    assert {name: value for name, value in fields.items() if value is not None} == said(stored.image)
    assert version == stored.image.version
    for number, then in one.versions.items():
        assert await life.at_version(rows.read_model, image_id, number) == then
        if number % 7 == 0:
            past = await life.at_time(rows.read_model, image_id, then.updated_at)
            assert past
            assert past.state == one.at(then.updated_at)
    assert await life.at_version(rows.read_model, image_id, version + 1) is None
    now = await life.at_time(rows.read_model, image_id, rows.now)
    assert (now and now.state, now and now.position) == (stored.image, stored.position)


def test_who_reads_the_history_arrives_at_the_row_that_is_stored(rows: Rows, runner: asyncio.Runner) -> None:
    @settings(
        max_examples=LIVES,
        derandomize=True,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(happened=st.lists(steps, min_size=STEPS, max_size=STEPS), page=st.sampled_from([3, 50, 200]))
    def holds(happened: list[Step], page: int) -> None:
        async def compare() -> None:
            for one in await lived(rows, happened):
                await agrees(rows, one, page)

        runner.run(compare())

    holds()
    assert rows.steps >= 10_000
