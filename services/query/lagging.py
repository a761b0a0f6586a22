"""How far the read models are behind the log: in records, and by how long the oldest of those has been waiting."""

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager, suppress
from datetime import datetime

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from adapters.ends import Ends
from adapters.kafka import connecting
from adapters.log import Names
from adapters.read_model import ReadModel
from contracts.events import Json, TryLater
from contracts.resources.projections import Build, Stand, build_json, projection_json
from contracts.topics import TOPICS

ANSWER_SECONDS = 3.0
BY_NAME = {topic.name: topic for topic in TOPICS}
At = tuple[str, int, int]
"""Topic, partition, offset."""

STANDS = """
SELECT name, CASE WHEN live.schema IS NULL THEN schemas.state ELSE 'served' END AS state,
    topic, partition, epoch, next_offset
FROM projection.schemas LEFT JOIN projection.live AS live ON live.schema = name
JOIN projection.offsets AS offsets ON offsets.schema = name
WHERE live.schema IS NOT NULL OR schemas.state = 'building'
ORDER BY live.schema IS NULL, name, topic, partition
"""
BUILDS = """
SELECT schema, purpose, phase, done, total, started_at, updated_at FROM projection.builds ORDER BY started_at
"""


class Lagging:
    def __init__(self, read_model: ReadModel, ends: Ends, bootstrap: str, names: Names) -> None:
        self._read_model = read_model
        self._ends = ends
        self._bootstrap = bootstrap
        self._names = names

    async def projections(self, now: datetime) -> list[dict[str, Json]]:
        """The served read model first, then those in the making. Raises TryLater while Kafka or Postgres is down."""
        rows = await self._read_model.rows(STANDS)
        ends = {topic: await self._ends.of(BY_NAME[topic]) for topic in sorted({row["topic"] for row in rows})}
        behind = {
            (row["topic"], row["partition"], row["next_offset"])
            for row in rows
            if row["next_offset"] < ends[row["topic"]][row["partition"]]
        }
        since = await self._since(behind) if behind else {}
        found: dict[tuple[str, str], list[Stand]] = {}
        for row in rows:
            at = (row["topic"], row["partition"], row["next_offset"])
            stand = Stand(
                topic=row["topic"],
                partition=row["partition"],
                epoch=row["epoch"],
                next_offset=row["next_offset"],
                end_offset=ends[row["topic"]][row["partition"]],
                since=since.get(at),
            )
            found.setdefault((row["name"], row["state"]), []).append(stand)
        return [projection_json(*name, stands, now) for name, stands in found.items()]

    async def builds(self) -> list[dict[str, Json]]:
        return [build_json(Build(**row)) for row in await self._read_model.rows(BUILDS)]

    async def _since(self, behind: Collection[At]) -> dict[At, datetime]:
        """When the records at some offsets were appended; those that do not come in time are left out."""
        left = {TopicPartition(self._names.physical(topic), partition): offset for topic, partition, offset in behind}
        found: dict[At, datetime] = {}
        with suppress(TimeoutError):
            async with asyncio.timeout(ANSWER_SECONDS), self._consumer() as consumer:
                consumer.assign(list(left))
                for at, offset in left.items():
                    consumer.seek(at, offset)
                while len(found) < len(left):
                    for raws in (await consumer.getmany(timeout_ms=200, max_records=len(left))).values():
                        record = self._names.record(raws[0])
                        found.setdefault((record.topic, record.partition, record.offset), record.time)
                        consumer.pause(TopicPartition(raws[0].topic, raws[0].partition))
        return found

    @asynccontextmanager
    async def _consumer(self) -> AsyncIterator[AIOKafkaConsumer]:
        try:
            async with AIOKafkaConsumer(**connecting(self._bootstrap), enable_auto_commit=False) as consumer:
                yield consumer
        except KafkaError as error:
            raise TryLater(f"Kafka does not answer: {error}") from error
