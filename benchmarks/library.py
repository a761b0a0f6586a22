"""A large library, made up and laid straight into the read model: for asking, not for folding.

The rows are those that the projector would write (its own `values`), drawn from a seeded generator: skewed tags,
cameras and labels, one owner of most of it, a few images deleted, unfinished or failed.
"""

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib import resources
from typing import Any
from uuid import UUID

import msgspec
from psycopg import AsyncConnection
from psycopg.sql import SQL, Identifier
from psycopg.types.json import set_json_dumps

from benchmarks.pictured import found_in
from contracts import ids
from contracts.analyses import Attempt, Fact, Failure, Result
from contracts.events import Position
from contracts.images import Content, Image, ImageUploaded, Wanted
from contracts.read_model.placed import Placed
from contracts.topics import IMAGES
from migrations import migrate
from services.projector import schema
from services.projector.rows import TABLES, EventRow, fact_row

OWNER = "admin"
START = datetime(2024, 1, 1, tzinfo=UTC)
HOUSE = ("metadata", "exif", "thumbnail", "colors", "hash", "quality")
WANTED = tuple(Wanted(algorithm=name) for name in HOUSE)
TYPES = {"image/jpeg": 0.93, "image/png": 0.05, "image/webp": 0.015, "image/heic": 0.004, "image/avif": 0.001}
SIZES = ((4000, 3000), (3000, 4000), (6000, 4000), (1920, 1080), (1080, 1080), (8256, 5504))
TABLE_NAMES = ("events", "images", "attempts", "facts")

Rows = dict[str, list[Any]]


@dataclass(frozen=True, slots=True)
class Words:
    """What people write under pictures: the first words far more often than the last."""

    known: tuple[str, ...]

    def some(self, draw: random.Random, most: int) -> list[str]:
        return [self.known[int(len(self.known) * draw.random() ** 3)] for _ in range(draw.randint(1, most))]


async def fill(postgres: str, images: int, seed: int = 7) -> None:
    """Makes the read model in an empty database and fills it with `images` images and all that belongs to them."""
    await migrate(postgres)
    async with await AsyncConnection.connect(postgres, autocommit=True) as connection:
        name = await schema.ensure(connection)
        set_json_dumps(lambda already: already, connection)
        await connection.execute("SELECT set_config('search_path', %s, false)", (f'"{name}"',))
        await _drop_indexes(connection, name)
        for rows in _batches(images, random.Random(seed)):
            for table in TABLE_NAMES:
                await _copy(connection, table, rows[table])
        await connection.execute((resources.files("contracts.read_model") / "indexes.sql").read_bytes())
        await connection.execute("VACUUM ANALYZE")


def _batches(images: int, draw: random.Random, size: int = 5_000) -> Iterator[Rows]:
    words = Words(tuple(_word(draw) for _ in range(5_000)))
    for start in range(0, images, size):
        rows: Rows = {name: [] for name in TABLE_NAMES}
        for number in range(start, min(start + size, images)):
            _add(rows, number, draw, words)
        yield rows


def _add(rows: Rows, number: int, draw: random.Random, words: Words) -> None:
    image = _image(number, draw, words)
    position = Position(IMAGES.name, number % 12, number // 12)
    cause = UUID(int=draw.getrandbits(128))
    rows["images"].append(Placed(image, position))
    rows["events"].append(_uploaded(image, position, cause))
    fate = draw.random()
    if fate < 0.002:
        return  # still in the queue
    broken = fate < 0.007
    rows["attempts"].append(_attempt(image, cause, running=fate < 0.003, broken=broken))
    if fate >= 0.003:
        rows["facts"].extend(map(fact_row, _facts(image, draw, words, broken)))


def _image(number: int, draw: random.Random, words: Words) -> Image:
    created = START + timedelta(minutes=5 * number, seconds=draw.randrange(300))
    width, height = draw.choice(SIZES)
    sha256 = f"{draw.getrandbits(256):064x}"
    return Image(
        image_id=UUID(int=draw.getrandbits(128)),
        owner=OWNER if draw.random() < 0.9 else f"person{draw.randrange(20)}",
        version=1,
        content=Content(
            sha256=sha256,
            size=int(draw.lognormvariate(14.5, 0.8)),
            media_type=draw.choices(tuple(TYPES), tuple(TYPES.values()))[0],
            storage_key=ids.original_key(sha256),
            width=width,
            height=height,
        ),
        filename=f"IMG_{number % 10_000:04}.jpg",
        title=" ".join(words.some(draw, 4)) if draw.random() < 0.5 else None,
        description=" ".join(words.some(draw, 20)) if draw.random() < 0.1 else None,
        tags=tuple(sorted({f"tag{int(300 * draw.random() ** 3)}" for _ in range(draw.randrange(4))})),
        visibility="public" if draw.random() < 0.05 else "private",
        origin="job" if draw.random() < 0.01 else "upload",
        wanted=WANTED,
        created_at=created,
        updated_at=created,
        deleted_at=created if draw.random() < 0.01 else None,
    )


def _uploaded(image: Image, position: Position, cause: UUID) -> EventRow:
    event = ImageUploaded(
        image_id=image.image_id,
        owner=image.owner,
        actor=image.owner,
        content=image.content,
        filename=image.filename,
        title=image.title,
        tags=image.tags,
        wanted=image.wanted,
    )
    return EventRow(
        event_id=cause,
        type="framelog.image.uploaded.v1",
        position=position,
        time=image.created_at,
        request_id=None,
        causation_id=None,
        owner=image.owner,
        actor=image.owner,
        aggregate=str(image.image_id),
        image_id=image.image_id,
        version=1,
        reason=None,
        data=msgspec.json.encode(event),
    )


def _attempt(image: Image, cause: UUID, running: bool, broken: bool) -> Attempt:
    later = image.created_at + timedelta(seconds=1)
    failure = Failure(algorithm="thumbnail", type="decode-timeout", detail="over 30 s")
    return Attempt(
        cause=cause,
        group="core",
        image_id=image.image_id,
        owner=image.owner,
        sha256=image.content.sha256,
        algorithms=HOUSE,
        state="running" if running else "completed",
        failures=(failure,) if broken and not running else (),
        started_at=later,
        finished_at=None if running else later,
    )


def _facts(image: Image, draw: random.Random, words: Words, broken: bool) -> Iterable[Fact]:
    for algorithm, result in found_in(image, draw, words.some(draw, 12)).items():
        if not (broken and algorithm == "thumbnail"):
            yield Fact(
                image_id=image.image_id,
                owner=image.owner,
                sha256=image.content.sha256,
                result=Result(algorithm=algorithm, version=1, params={}, result=result),
                completed_at=image.created_at + timedelta(seconds=2),
            )


def _word(draw: random.Random) -> str:
    return "".join(draw.choice("bcdfglmnprst") + draw.choice("aeiou") for _ in range(draw.randint(2, 4)))


async def _copy(connection: AsyncConnection[Any], name: str, states: Sequence[Any]) -> None:
    table = TABLES[name]
    copy = SQL("COPY {} ({}) FROM STDIN (FORMAT BINARY)").format(
        Identifier(name), SQL(", ").join(map(Identifier, table.columns))
    )
    async with connection.cursor() as cursor, cursor.copy(copy) as rows:
        rows.set_types(list(table.columns.values()))
        for state in states:
            await rows.write_row(table.values(state))


async def _drop_indexes(connection: AsyncConnection[Any], name: str) -> None:
    """Built after the load in a tenth of the time. The primary keys stay."""
    found = await connection.execute(
        "SELECT indexname::text FROM pg_indexes WHERE schemaname = %s AND indexname NOT LIKE '%%_pkey'", (name,)
    )
    for (index,) in await found.fetchall():
        await connection.execute(SQL("DROP INDEX {}").format(Identifier(index)))
