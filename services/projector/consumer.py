"""Live projection: decode → fold → save with position. One projector's share of the topics, into one schema."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from psycopg import OperationalError

from adapters.log import Names
from contracts.codec import decode
from contracts.events import Record, Undecodable
from services.projector.fold import Batch, Cut, cut, fold, touched
from services.projector.projections import TOPICS
from services.projector.store import Fenced, Move, Partition, Start, Store

logger = logging.getLogger(__name__)

CONSUMER = "projector"
POLL_MS = 200
BACK_OFF_SECONDS = 1.0
BREATH = 25  # records decoded before Postgres's socket gets a turn

Bury = Callable[[Record, Undecodable], Awaitable[None]]
Connect = Callable[[], Awaitable[Store]]


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
            while True:
                await self._claim(store)
                await self._project(store)
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

    async def _project(self, store: Store) -> None:
        """Batch after batch until the group reassigns. The next one is read while Postgres takes in the rows of this
        one, and no sooner: what comes before are short questions, whose answers would wait for the reading."""
        ahead = asyncio.create_task(self._next())
        try:
            while not self._reassigned:
                moves, batch = await ahead
                if moves and not self._reassigned:
                    async with store.moving(moves):
                        prior = await store.prior(touched(batch))
                        changed = fold(prior, batch)
                        ahead = asyncio.create_task(self._next())
                        await store.save(prior, changed)
                else:
                    ahead = asyncio.create_task(self._next())
        finally:
            ahead.cancel()
            await asyncio.gather(ahead, return_exceptions=True)

    async def _next(self) -> tuple[list[Move], Batch]:
        """The next steps of the claimed partitions, and their events in order; what cannot be read is buried."""
        fetched = await self._consumer.getmany(timeout_ms=POLL_MS, max_records=self._batch)
        moves: dict[Partition, Move] = {}
        batch: list[Cut] = []
        for number, raw in enumerate(raw for records in fetched.values() for raw in records):
            record = self._names.record(raw)
            if move := self._step(record, moves):
                try:
                    batch.append(cut(decode(record, move.append_time)))
                except Undecodable as error:
                    await self._bury(record, error)
                    logger.error("buried %s", error)
            if number % BREATH == 0:
                await asyncio.sleep(0)
        return list(moves.values()), batch

    def _step(self, record: Record, moves: dict[Partition, Move]) -> Move | None:
        """Take one record into the moves; None for one that was handed out before the claim, and will come again."""
        at = (record.topic, record.partition)
        here = self._starts.get(at)
        if here is None or record.offset < here.next_offset:
            return None
        if record.offset > here.next_offset:
            raise LogBroken(f"{record.position} comes where offset {here.next_offset} was expected: a range is missing")
        time = max(record.time, here.append_time)
        self._starts[at] = Start(record.offset + 1, here.epoch, time)
        start = moves[at].start if at in moves else here
        moves[at] = Move(*at, start, record.offset + 1, time)
        return moves[at]
