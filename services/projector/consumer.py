"""Live projection: decode → fold → save with position. One projector's share of the topics, into one schema."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.structs import ConsumerRecord
from psycopg import OperationalError

from adapters.log import Names
from contracts.codec import decode
from contracts.events import Record, Recorded, Undecodable
from services.projector.fold import fold, touched
from services.projector.projections import TOPICS
from services.projector.store import Fenced, Move, Partition, Start, Store

logger = logging.getLogger(__name__)

CONSUMER = "projector"
POLL_MS = 200
BACK_OFF_SECONDS = 1.0

Bury = Callable[[Record, Undecodable], Awaitable[None]]
Connect = Callable[[], Awaitable[Store]]
Fetched = Mapping[TopicPartition, list[ConsumerRecord]]


class LogBroken(Exception):
    """The log no longer holds what comes next: it was truncated, or is not the log that was projected."""


class Projector(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka has no types
    """Folds what the group assigns to it. Kafka's committed offsets are never asked: positions live with the rows."""

    def __init__(self, consumer: AIOKafkaConsumer, names: Names, connect: Connect, bury: Bury, batch: int) -> None:
        self._consumer = consumer
        self._names = names
        self._connect = connect
        self._bury = bury
        self._batch = batch
        self._starts: dict[Partition, Start] = {}
        self._reassigned = False

    async def run(self) -> None:
        """Until cancelled. A lost connection or fence is answered by claiming again; anything else ends the process."""
        self._consumer.subscribe([self._names.physical(topic) for topic in TOPICS], listener=self)
        while True:
            try:
                await self._follow(await self._connect())
            except (OperationalError, Fenced) as error:
                logger.warning("claiming again in %s s: %s", BACK_OFF_SECONDS, error)
                await asyncio.sleep(BACK_OFF_SECONDS)

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        self._starts.clear()

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Paused before anything is fetched. Claiming can fail, and aiokafka swallows what a listener raises, so that
        is left to the loop."""
        self._consumer.pause(*assigned)
        self._starts.clear()
        self._reassigned = True

    async def _follow(self, store: Store) -> None:
        try:
            await self._claim(store)
            while True:
                if self._reassigned:
                    await self._claim(store)
                fetched = await self._consumer.getmany(timeout_ms=POLL_MS, max_records=self._batch)
                await self._project(store, fetched)
        finally:
            await store.close()

    async def _claim(self, store: Store) -> None:
        """Become the writer of every assigned partition, and read on from where its rows stand."""
        self._reassigned = False
        assigned = {(self._names.logical(at.topic), at.partition): at for at in self._consumer.assignment()}
        self._consumer.pause(*assigned.values())
        starts = await store.claim(assigned)
        await self._check([(assigned[at], start.next_offset) for at, start in starts.items()])
        if self._reassigned:
            return
        for at, start in starts.items():
            self._consumer.seek(assigned[at], start.next_offset)
            self._consumer.resume(assigned[at])
        self._starts = starts

    async def _check(self, starts: list[tuple[TopicPartition, int]]) -> None:
        partitions = [at for at, _ in starts]
        begins = await self._consumer.beginning_offsets(partitions)
        ends = await self._consumer.end_offsets(partitions)
        for at, offset in starts:
            if not begins[at] <= offset <= ends[at]:
                raise LogBroken(f"{at.topic}:{at.partition} holds {begins[at]}–{ends[at]}, the rows end at {offset}")

    async def _project(self, store: Store, fetched: Fetched) -> None:
        moves, batch = await self._decoded(fetched)
        if not moves:
            return
        async with store.moving(list(moves.values())):
            prior = await store.prior(touched(batch))
            await store.save(fold(prior, batch))
        for at, move in moves.items():
            if at in self._starts:
                self._starts[at] = replace(move.start, next_offset=move.end, append_time=move.append_time)

    async def _decoded(self, fetched: Fetched) -> tuple[dict[Partition, Move], list[Recorded[Any]]]:
        """The steps of the claimed partitions, and their events in order; what cannot be read is buried on the way."""
        moves: dict[Partition, Move] = {}
        batch: list[Recorded[Any]] = []
        for raw in (raw for records in fetched.values() for raw in records):
            record = self._names.record(raw)
            at = (record.topic, record.partition)
            start = self._starts.get(at)
            if start is None or record.offset < start.next_offset:
                continue  # handed out before the claim: it will come again, from where the rows stand
            time = max(record.time, moves[at].append_time if at in moves else start.append_time)
            moves[at] = Move(*at, start, record.offset + 1, time)
            try:
                batch.append(decode(record, time))
            except Undecodable as error:
                await self._bury(record, error)
        return moves, batch
