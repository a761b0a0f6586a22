"""What an account's own events cost at 200,000 events: the plan of each page, and how long it takes.

Usage: python -m benchmarks.events_explain [--postgres URL] [--images N] [--keep NAME] [--plans]

As many events as `--images` says, four of an image; one account has half of them. Makes a database of its own on that
server and drops it again; `--keep NAME` leaves it there, and uses it next time.
"""

import asyncio
from functools import partial
from pathlib import Path
from typing import Any, cast

import orjson
from psycopg import AsyncConnection

from adapters.fresh import Fresh
from benchmarks.explain import Overheard, arguments, filled, plan, timed, written
from migrations import migrate
from services.projector import schema
from services.query.bell import ARRIVED
from services.query.feed import AFTER, Feed
from services.query.places import BEGINNING, Place

RESULTS = Path(__file__).parents[1] / "docs" / "history.md"
LIMIT = 50
PER_IMAGE = 4
# Of 500 accounts the first has every other image.
FILL = """
INSERT INTO events (event_id, type, topic, partition, "offset", append_time, request_id, causation_id, owner, actor,
    aggregate, image_id, version, accepted, data)
SELECT
    md5(image || '/' || number)::uuid, kind, topic, image %% 12, image / 12 * times + place,
    timestamptz '2026-01-01' + (image * 4 + number) * interval '1 second', NULL,
    CASE WHEN topic = 'framelog.analyses' THEN md5(image || '/0')::uuid END,
    owner, owner, md5(image::text), md5(image::text)::uuid, 1, true,
    jsonb_build_object('image_id', md5(image::text)::uuid, 'owner', owner, 'actor', owner, 'expected_version', NULL,
        'padding', repeat('x', 500))
FROM generate_series(0, %(images)s - 1) AS image
CROSS JOIN (VALUES
    (0, 'framelog.images', 2, 0), (1, 'framelog.analyses', 2, 0),
    (2, 'framelog.analyses', 2, 1), (3, 'framelog.images', 2, 1)
) AS event (number, topic, times, place)
CROSS JOIN LATERAL (SELECT
    'framelog.image.deleted.v1' AS kind,
    'person' || CASE WHEN image %% 2 = 0 THEN 0 ELSE image / 2 %% 500 END AS owner) AS said
"""


async def main() -> None:
    given = arguments(__doc__)
    images = given.images // PER_IMAGE
    async with (
        filled(given.postgres, "framelog_events", given.keep, partial(fill, images=images)) as postgres,
        Overheard(postgres) as read_model,
    ):
        end = {place: images for place in BEGINNING}
        middle = {place: images // 12 for place in BEGINNING}
        rows = [
            await measured(postgres, read_model, f"{who}, {where}", owner, place, given.plans)
            for who, owner in ((f"of {images // 2 * PER_IMAGE:,}", "person0"), ("of 200", "person7"))
            for where, place in (("from the beginning", BEGINNING), ("in the middle", middle), ("nothing new", end))
        ]
        rows.append(await bell(postgres, read_model, end))
    head = ["| page | finds | begins at | pages read | ms |", "|---|---:|---|---:|---:|"]
    written(RESULTS, head, rows, f"{images * PER_IMAGE:,} events of 500 accounts")


async def fill(postgres: str, images: int) -> None:
    await migrate(postgres)
    async with await AsyncConnection.connect(postgres, autocommit=True) as connection:
        name = await schema.ensure(connection)
        await connection.execute("SELECT set_config('search_path', %s, false)", (name,))
        await connection.execute(FILL, {"images": images})
        await connection.execute("VACUUM ANALYZE events")


async def measured(postgres: str, read_model: Overheard, name: str, owner: str, place: Place, plans: bool) -> str:
    """A row of the table."""
    feed = Feed(read_model, cast(Fresh, None))  # every cause is there
    told = await feed.after(owner, place, LIMIT)
    query, params = read_model.asked[-1]
    assert query == AFTER
    explained = await plan(postgres, query, params)
    if plans:
        print(name, explained.text, sep="\n")

    async def page() -> bytes:
        return orjson.dumps((await feed.after(owner, place, LIMIT)).items)

    finds = f"{LIMIT} +" if told.more else str(len(told.items))
    return f"| {name} | {finds} | {explained.begins} | {explained.pages:,} | {await timed(page):.1f} |"


async def bell(postgres: str, read_model: Overheard, end: Place) -> str:
    """What a process asks four times a second while anybody listens."""
    topics, partitions = zip(*end, strict=True)
    asked: list[Any] = [list(topics), list(partitions), list(end.values())]
    explained = await plan(postgres, ARRIVED, asked)
    took = await timed(lambda: read_model.rows(ARRIVED, asked))
    return f"| who has new ones, of all accounts | 0 | {explained.begins} | {explained.pages:,} | {took:.1f} |"


if __name__ == "__main__":
    asyncio.run(main())
