"""What comes next of claimed partitions: records as steps of their partitions, and as parts for the fold."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import NoOffsetForPartitionError, OffsetOutOfRangeError

from adapters.log import Names
from adapters.tolerance import Anything, Tolerance
from contracts.events import Record, Undecodable
from services.projector.parking import Read, read
from services.projector.store import Move, Partition, Start, Store
from services.projector.whole import LogBroken, refuse_lost_records

logger = logging.getLogger(__name__)

POLL_MS = 200
BREATH = 25  # records decoded before Postgres's socket gets a turn

Bury = Callable[[Record, Undecodable], Awaitable[None]]
Ends = Mapping[Partition, int]


class Reader:
    """Reads what the consumer is assigned, from where the rows stand and no further than `upto`, if that is given."""

    def __init__(
        self,
        consumer: AIOKafkaConsumer,
        names: Names,
        bury: Bury,
        batch: int,
        *,
        tolerance: Tolerance | Anything | None = None,
        upto: Ends | None = None,
    ) -> None:
        self._consumer = consumer
        self._names = names
        self._bury = bury
        self._batch = batch
        self._tolerance = tolerance or Anything()
        self._upto = upto
        self.starts: dict[Partition, Start] = {}

    def assigned(self) -> dict[Partition, TopicPartition]:
        return {(self._names.logical(at.topic), at.partition): at for at in self._consumer.assignment()}

    async def claim(self, store: Store) -> dict[Partition, Start]:
        """Become the writer of every assigned partition, all paused. A fenced one is missing from the answer.

        Raises LogBroken where the log does not hold what comes next.
        """
        assigned = self.assigned()
        self._consumer.pause(*assigned.values())
        starts = await store.claim(assigned)
        await refuse_lost_records(self._consumer, {assigned[at]: one.next_offset for at, one in starts.items()})
        return starts

    def go_on(self, starts: dict[Partition, Start]) -> None:
        assigned = self.assigned()
        for at, start in starts.items():
            self._consumer.seek(assigned[at], start.next_offset)
            self._consumer.resume(assigned[at])
        self.starts = starts

    async def next(self) -> tuple[list[Move], list[Read]]:
        """The next steps of the claimed partitions, and their records in order; what cannot be read is buried.

        Raises TooManyUndecodable.
        """
        fetched = await self._fetched()
        moves: dict[Partition, Move] = {}
        batch: list[Read] = []
        for number, raw in enumerate(raw for records in fetched.values() for raw in records):
            record = self._names.record(raw)
            if move := self._step(record, moves):
                batch.append(read(record, move.append_time))
                if isinstance(error := batch[-1].said, Undecodable):
                    await self._tolerance.refuse_too_many(record, error)
                else:
                    self._tolerance.was_read(record)
            if number % BREATH == 0:
                await asyncio.sleep(0)
        for one in batch:  # now that none is one too many: otherwise they come again
            if isinstance(one.said, Undecodable):
                await self._bury(one.record, one.said)
                logger.error("buried %s", one.said)
        return list(moves.values()), batch

    async def _fetched(self) -> Mapping[TopicPartition, Sequence[Any]]:
        try:
            fetched: Mapping[TopicPartition, Sequence[Any]] = await self._consumer.getmany(
                timeout_ms=POLL_MS, max_records=self._batch
            )
        except OffsetOutOfRangeError:
            assigned = self.assigned()
            stands = {assigned[at]: here.next_offset for at, here in self.starts.items() if at in assigned}
            await refuse_lost_records(self._consumer, stands)
            raise
        except NoOffsetForPartitionError:  # of one that was assigned just now, and is to be claimed first
            return {}
        return fetched

    def _step(self, record: Record, moves: dict[Partition, Move]) -> Move | None:
        """Take one record into the moves; None for one that was handed out before the claim, and will come again."""
        at = (record.topic, record.partition)
        here = self.starts.get(at)
        if here is None or record.offset < here.next_offset or self._beyond(at, record.offset):
            return None
        if record.offset > here.next_offset:
            raise LogBroken(f"{record.position} comes where offset {here.next_offset} was expected: a range is missing")
        time = max(record.time, here.append_time)
        self.starts[at] = Start(record.offset + 1, here.epoch, time)
        start = moves[at].start if at in moves else here
        moves[at] = Move(*at, start, record.offset + 1, time)
        return moves[at]

    def _beyond(self, at: Partition, offset: int) -> bool:
        return self._upto is not None and offset >= self._upto[at]
