"""How far consumers are behind the log, in records."""

from collections.abc import Sequence

import psycopg
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError

from adapters.groups import analyzer_group, group_offsets
from adapters.kafka import connecting
from adapters.log import Names, ends
from contracts.topics import TOPICS
from services.settings import Endpoints

BEHIND = """
SELECT topic, partition, next_offset FROM projection.offsets JOIN projection.live USING (schema)
"""


async def ends_of_topics(settings: Endpoints) -> dict[str, Sequence[int]]:
    """The end offset of each partition by logical topic; nothing for a topic that does not stand."""
    return {topic.name: list((await _ends(settings, [topic.name])).values()) for topic in TOPICS}


async def analyzer(settings: Endpoints, group: str) -> int | None:
    """Of an algorithm group's analyzers; None if it has no offsets."""
    names = Names(settings.topic_prefix)
    stands = await group_offsets(settings.kafka, analyzer_group(names, group))
    log = await _ends(settings, [topic.name for topic in TOPICS if "analyzer" in topic.consumers])
    found = {(names.logical(at.topic), at.partition): offset for at, offset in stands.items()}
    return sum(end - found.get(at, 0) for at, end in log.items()) if found else None


async def projector(settings: Endpoints) -> int | None:
    """Of the live read model; None if there is none, or Postgres does not say."""
    try:
        async with await psycopg.AsyncConnection.connect(settings.postgres, connect_timeout=2) as connection:
            rows = await (await connection.execute(BEHIND)).fetchall()
    except psycopg.Error:
        return None
    log = await _ends(settings, sorted({topic for topic, _, _ in rows}))
    return sum(log.get((topic, partition), 0) - offset for topic, partition, offset in rows) if rows else None


async def _ends(settings: Endpoints, topics: Sequence[str]) -> dict[tuple[str, int], int]:
    names = Names(settings.topic_prefix)
    try:
        async with AIOKafkaConsumer(
            *map(names.physical, topics), **connecting(settings.kafka), enable_auto_commit=False
        ) as consumer:
            return dict(await ends(consumer, names, topics))
    except KafkaError:
        return {}
