"""Whether the log is whole: it is kept for ever, so what it lacks was taken from it, and nobody goes on without."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from adapters.log import Names
from services.projector.projections import TOPICS
from services.projector.store import LOST, Partition

Stands = Callable[[], Awaitable[Mapping[Partition, int]]]
"""Tells where the rows stand."""

LOOKS, LOOK_SECONDS = 10, 0.5
WATCH_SECONDS = 5.0
REMEDY = "; the log is no longer whole: restore it from a replica or a backup"


class LogBroken(Exception):
    """The log no longer holds what comes next: it was truncated, or is not the log that was projected. One line."""

    def __init__(self, line: str) -> None:
        """`line` may be what another one says, of another process."""
        super().__init__(line if line.endswith(REMEDY) else line + REMEDY)


async def refuse_lost_topics(consumer: AIOKafkaConsumer, names: Names) -> None:
    """Raises LogBroken where Kafka has not every topic that is followed."""
    lost = {names.physical(topic) for topic in TOPICS}
    for _ in range(LOOKS):  # a broker that has just started hears of topics a moment later
        lost -= await consumer.topics()
        if not lost:
            return
        await asyncio.sleep(LOOK_SECONDS)
    raise LogBroken(f"Kafka has no topic {', '.join(sorted(lost))}: all of it is missing")


async def refuse_lost_records(consumer: AIOKafkaConsumer, stands: Mapping[TopicPartition, int]) -> None:
    """Raises LogBroken where the log does not hold what comes next, or has not what came before. `stands` are the
    offsets that are read next."""
    begins = await consumer.beginning_offsets(list(stands))
    ends = await consumer.end_offsets(list(stands))
    for at, offset in stands.items():
        if broken := missing(at, begins[at], ends[at], min(offset, ends[at]), max(offset, ends[at])):
            raise broken


async def watch(consumer: AIOKafkaConsumer, names: Names, stands: Stands) -> None:
    """Until cancelled: who follows a topic that is deleted is told nothing by Kafka, and who follows one that is made
    anew is told after minutes. Raises LogBroken."""
    while True:
        with suppress(KafkaError, *LOST):  # it is down: whoever reads finds out
            await refuse_lost_topics(consumer, names)
            rows = await stands()
            await refuse_lost_records(consumer, {TopicPartition(names.physical(at[0]), at[1]): rows[at] for at in rows})
        await asyncio.sleep(WATCH_SECONDS)


def missing(at: TopicPartition, begins: int, ends: int, first: int, upto: int) -> LogBroken | None:
    """What to say of a partition that begins and ends there, where the records of `first`–`upto` are needed."""
    lost = [(first, min(begins, upto)), (max(ends, first), upto)]
    ranges = " and ".join(f"{start}–{end}" for start, end in lost if start < end)
    if not ranges:
        return None
    return LogBroken(f"{at.topic}:{at.partition} holds {begins}–{ends}: {ranges} is missing")
