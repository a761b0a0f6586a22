"""What there is to be seen after a drill: the log, the read model, the store, and what clients were told."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg
from aiokafka import AIOKafkaConsumer
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from psycopg.rows import namedtuple_row

from adapters.admin import admin
from adapters.log import MAX_RECORD, ends
from contracts.codec import decode
from contracts.dead_letters import RecordBuried
from contracts.events import Record, Recorded, Undecodable
from contracts.topics import DEAD_LETTERS, TOPICS
from services.projector.digest import Digest, digests
from services.projector.projections import TOPICS as PROJECTED
from tests.faults.calls import Call
from tests.faults.houses import make_database, remove_database
from tests.faults.stage import Stage
from tests.running import House

Partition = tuple[str, int]
Stands = Mapping[Partition, int]
Facts = Mapping[str, str]
"""A digest of each result, by image, content, algorithm, version and params."""
RECORDS_SECONDS = 60.0

EVENTS = """
SELECT event_id, type, topic, partition, "offset", accepted, version, aggregate, image_id, request_id, causation_id
FROM framelog.events
"""
IMAGES = "SELECT image_id, sha256, size, storage_key, status, deleted_at FROM framelog.described_images"
RENDITIONS = """
SELECT one ->> 'key' AS key, (one ->> 'size')::bigint AS size
FROM framelog.facts, jsonb_array_elements(result -> 'renditions') AS one WHERE algorithm = 'thumbnail'
"""
CAMPAIGNS = """
SELECT asked.event_id,
    CASE WHEN finished_at IS NULL THEN 'queued' WHEN failures = '[]' THEN 'completed' ELSE 'failed' END
FROM framelog.events AS asked LEFT JOIN framelog.attempts ON cause = asked.event_id
WHERE type = 'framelog.reanalysis.requested.v1'
"""
FACTS = """
SELECT concat_ws(' ', image_id, sha256, algorithm, version, params), md5(result::text) FROM framelog.facts
"""
JOBS = "SELECT job_id, status FROM framelog.described_jobs"
STANDS = """
SELECT topic, partition, next_offset FROM projection.offsets JOIN projection.live USING (schema)
"""


@dataclass(frozen=True, kw_only=True)
class EventRow:
    event_id: UUID
    type: str
    topic: str
    partition: int
    offset: int
    accepted: bool
    version: int | None
    aggregate: str
    image_id: UUID | None
    request_id: UUID | None
    causation_id: UUID | None


@dataclass(frozen=True, kw_only=True)
class ImageRow:
    image_id: UUID
    sha256: str
    size: int
    storage_key: str
    status: str
    deleted: bool


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """All of it. `objects` are sizes by key; `read_back` is the SHA-256 of what GET answered, or the status."""

    calls: Sequence[Call]
    events: Sequence[Recorded[Any]]
    unreadable: Sequence[Record]
    buried: Sequence[tuple[UUID, RecordBuried]]
    ends: Stands
    rows: Sequence[EventRow]
    images: Mapping[UUID, ImageRow]
    renditions: Mapping[str, int]
    facts: Facts
    jobs: Mapping[UUID, str]
    campaigns: Mapping[UUID, str]
    """How far what campaigns have asked for is, by the event that asked: queued, completed or failed."""
    stands: Stands
    samples: Sequence[Stands]
    objects: Mapping[str, int]
    read_back: Mapping[UUID, str]
    configs: Mapping[str, Mapping[str, str]]
    live: Mapping[str, Digest]
    rebuilt: Mapping[str, Digest]
    consumers: Mapping[str, Sequence[str]]
    """Who reads a topic and must bury what it cannot read, by topic."""


async def gathered(stage: Stage, calls: Sequence[Call], samples: Sequence[Stands]) -> Evidence:
    """Once nothing moves any more."""
    house = stage.house
    records, goal = await read_all(house)
    readable, unreadable = _read(records)
    images = await _images(house)
    acknowledged = [call.image_id for call in calls if call.image_id]
    read_back = await _read_back(stage, [one for one in acknowledged if one in images and not images[one].deleted])
    consumers = _consumers(stage)
    live, rebuilt = await compared(stage, goal)
    return Evidence(
        calls=calls,
        events=readable,
        unreadable=unreadable,
        buried=[(one.cause.event_id, one.event) for one in readable if isinstance(one.event, RecordBuried)],
        ends=goal,
        rows=await _rows(house),
        images=images,
        renditions=await _renditions(house),
        facts=await facts(house),
        jobs={job: status for job, status in await asked(house, JOBS)},
        campaigns=dict(await asked(house, CAMPAIGNS)),
        stands=await stands(house),
        samples=samples,
        objects=await _objects(stage),
        read_back=read_back,
        configs=await _configs(house),
        live=live,
        rebuilt=rebuilt,
        consumers=consumers,
    )


async def read_all(house: House) -> tuple[list[Record], Stands]:
    """Every record there is, and where each partition ends."""
    found: list[Record] = []
    topics = [topic.name for topic in TOPICS]
    async with (
        asyncio.timeout(RECORDS_SECONDS),
        AIOKafkaConsumer(
            *map(house.names.physical, topics),
            bootstrap_servers=house.stack.kafka,
            auto_offset_reset="earliest",
            max_partition_fetch_bytes=MAX_RECORD,
        ) as consumer,
    ):
        goal = await ends(consumer, house.names, topics)
        left = {at: end for at, end in goal.items() if end}
        while left:
            for records in (await consumer.getmany(timeout_ms=200)).values():
                found += [house.names.record(raw) for raw in records]
                last = found[-1]
                if last.offset + 1 >= goal[last.topic, last.partition]:
                    left.pop((last.topic, last.partition), None)
    return [one for one in found if one.offset < goal[one.topic, one.partition]], goal


async def log_ends(house: House) -> Stands:
    """One past the last record of every partition."""
    async with AIOKafkaConsumer(
        *(house.names.physical(topic.name) for topic in TOPICS), bootstrap_servers=house.stack.kafka
    ) as consumer:
        return await ends(consumer, house.names, [topic.name for topic in TOPICS])


async def asked(house: House, query: str) -> list[Any]:
    async with await psycopg.AsyncConnection.connect(house.database, row_factory=namedtuple_row) as connection:
        return list(await (await connection.execute(query.encode())).fetchall())


async def stands(house: House) -> Stands:
    """How far the live read model is."""
    return {(topic, partition): offset for topic, partition, offset in await asked(house, STANDS)}


@asynccontextmanager
async def watched(house: House) -> AsyncIterator[list[Stands]]:
    """Where the read model stands, again and again, as long as Postgres says so."""
    samples: list[Stands] = []

    async def look() -> None:
        while True:
            try:
                async with asyncio.timeout(5):
                    samples.append(await stands(house))
            except (psycopg.Error, TimeoutError):
                pass
            await asyncio.sleep(0.5)

    looking = asyncio.create_task(look())
    try:
        yield samples
    finally:
        looking.cancel()
        await asyncio.wait([looking])


async def compared(stage: Stage, log_ends: Stands) -> tuple[Mapping[str, Digest], Mapping[str, Digest]]:
    """The digests of the live read model, and of one that is projected anew from offset 0 into a database of its own.

    The live projectors are ended first: whoever projects into a schema of the same name shares their group.
    """
    house, name = stage.house, f"{stage.house.bucket}_anew"
    for projector in [one for one in stage.running if one.startswith(("projector", "stack"))]:
        await stage.end(projector)
    database = await make_database(house.stack.postgres, name)
    try:
        anew = House(house.stack, house.names, house.bucket, database, house.home, house.logs)
        async with anew.run("services.projector"):
            await reached(anew, log_ends, within=60)
        return await _digests(house), await _digests(anew)
    finally:
        await remove_database(house.stack.postgres, name)


async def reached(house: House, goal: Stands, within: float) -> None:
    """Returns once the live read model holds everything before `goal`. Raises TimeoutError."""
    async with asyncio.timeout(within):
        while True:
            try:
                found = await stands(house)
                if all(found.get(at, 0) >= end for at, end in goal.items() if at[0] in PROJECTED):
                    return
            except psycopg.Error:
                pass
            await asyncio.sleep(0.2)


async def _digests(house: House) -> Mapping[str, Digest]:
    ((schema,),) = await asked(house, "SELECT schema FROM projection.live")
    return await digests(house.database, str(schema))


def _read(records: Sequence[Record]) -> tuple[list[Recorded[Any]], list[Record]]:
    readable, unreadable = [], []
    for record in records:
        try:
            readable.append(decode(record))
        except Undecodable:
            unreadable.append(record)
    return readable, unreadable


async def _rows(house: House) -> list[EventRow]:
    return [EventRow(**row._asdict()) for row in await asked(house, EVENTS)]


async def _images(house: House) -> dict[UUID, ImageRow]:
    rows = [row._asdict() for row in await asked(house, IMAGES)]
    return {row["image_id"]: ImageRow(deleted=row.pop("deleted_at") is not None, **row) for row in rows}


async def facts(house: House) -> Facts:
    """Whatever has been found of images."""
    return dict(await asked(house, FACTS))


async def _renditions(house: House) -> dict[str, int]:
    return dict(await asked(house, RENDITIONS))


async def _objects(stage: Stage) -> dict[str, int]:
    async with stage.objects() as objects:
        return {one.key: one.size async for one in objects.list()}


async def _read_back(stage: Stage, images: Sequence[UUID]) -> dict[UUID, str]:
    async with stage.client() as client:
        answers = {image: await client.get(f"/v1/images/{image}/content") for image in images}
    return {
        image: hashlib.sha256(answer.content).hexdigest() if answer.status_code == 200 else str(answer.status_code)
        for image, answer in answers.items()
    }


async def _configs(house: House) -> dict[str, Mapping[str, str]]:
    wanted = [ConfigResource(ConfigResourceType.TOPIC, house.names.physical(topic.name)) for topic in TOPICS]
    async with admin(house.stack.kafka) as client:
        (answer,) = await client.describe_configs(wanted)
    return {
        house.names.logical(resource[3]): {entry[0]: str(entry[1]) for entry in resource[4]}
        for resource in answer.resources
    }


def _consumers(stage: Stage) -> dict[str, Sequence[str]]:
    analyzing = any(name.startswith(("analyzer", "stack")) for name in stage.running)
    fetching = any(name.startswith(("fetcher", "stack")) for name in stage.running)
    return {
        topic.name: [
            *(("projector",) if topic.name in PROJECTED else ()),
            *(("analyzer-core",) if "analyzer" in topic.consumers and analyzing else ()),
            *(("fetcher",) if "fetcher" in topic.consumers and fetching else ()),
        ]
        for topic in TOPICS
        if topic is not DEAD_LETTERS
    }
