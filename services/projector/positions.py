"""Where the log ends, where read models stand in it, and where it stood at a time."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from aiokafka import TopicPartition
from psycopg import AsyncConnection

from contracts.events import Position
from contracts.topics import TOPICS as DECLARED
from services.projector.projections import TOPICS
from services.projector.reader import Ends
from services.projector.source import Log
from services.projector.store import Partition
from services.projector.whole import LogBroken

Connection = AsyncConnection[tuple[Any, ...]]
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class NoSuchPlace(Exception):
    """A place that is nowhere in the log. One line."""


async def ends(log: Log) -> Ends:
    """Where every partition of the followed topics ends now."""
    async with log.reading() as consumer:
        found = await consumer.end_offsets(list(_physical(log)))
    return {_physical(log)[at]: end for at, end in found.items()}


async def at_time(log: Log, time: datetime) -> Ends:
    """Just before the first record later than `time`, in each partition. Raises NoSuchPlace."""
    later = (time - EPOCH) // timedelta(milliseconds=1) + 1
    physical = _physical(log)
    async with log.reading() as consumer:
        found = await consumer.offsets_for_times(dict.fromkeys(physical, max(later, 0)))
        last = await consumer.end_offsets(list(physical))
    cut = {physical[at]: one.offset if one else last[at] for at, one in found.items()}
    if not any(cut.values()):
        raise NoSuchPlace(f"nothing was in the log at {time.isoformat()}; `framelog history` shows times of events")
    if cut == {physical[at]: end for at, end in last.items()}:
        raise NoSuchPlace(f"the log ends before {time.isoformat()}; without --until everything is built")
    return cut


async def at_position(log: Log, position: Position) -> Ends:
    """With the record at a position, and in every other partition what came no later. Raises NoSuchPlace, LogBroken."""
    partition = TopicPartition(log.names.physical(position.topic), position.partition)
    if partition not in _physical(log):
        raise NoSuchPlace(f"{position}: no such topic and partition; a position is topic:partition:offset")
    async with log.reading() as consumer:
        begin = (await consumer.beginning_offsets([partition]))[partition]
        end = (await consumer.end_offsets([partition]))[partition]
        if position.offset >= end:
            raise NoSuchPlace(f"{position} is not in the log, which ends at {end} there; choose an earlier one")
        if position.offset < begin:
            raise LogBroken(f"{partition.topic}:{partition.partition} holds {begin}–{end}: 0–{begin} is missing")
        consumer.assign([partition])
        consumer.seek(partition, position.offset)
        raw = await consumer.getone(partition)
    cut = dict(await _before(log, log.names.record(raw).time))
    return cut | {(position.topic, position.partition): position.offset + 1}


async def _before(log: Log, time: datetime) -> Mapping[Partition, int]:
    try:
        return await at_time(log, time)
    except NoSuchPlace:
        return await ends(log)


def _physical(log: Log) -> dict[TopicPartition, Partition]:
    return {
        TopicPartition(log.names.physical(topic.name), number): (topic.name, number)
        for topic in DECLARED
        if topic.name in TOPICS
        for number in range(topic.partitions)
    }
