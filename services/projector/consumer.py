"""Live projection: decode → fold → save with position. One projector's share of the topics, into one schema."""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Iterable

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition

from adapters.log import Names
from adapters.metrics import PROJECTED, VISIBLE_SECONDS, age
from adapters.telemetry import about, say_of_each
from adapters.tolerance import Tolerance
from adapters.tracing import consumed, past, recording
from contracts.codec import TYPE_OF
from contracts.dead_letters import PROJECTOR
from contracts.images import ImageUploaded
from services.projector.fold import fold, touched
from services.projector.projections import TOPICS
from services.projector.reader import Bury, Reader
from services.projector.rows import EventRow
from services.projector.settling import settle
from services.projector.store import LOST, Fenced, Store, Switched

logger = logging.getLogger(__name__)

BACK_OFF_SECONDS = 1.0
LOOK_SECONDS = 0.1
UPLOADED = TYPE_OF[ImageUploaded]

Connect = Callable[[], Awaitable[Store]]
Alive = Callable[[], Awaitable[bool]]


class Projector(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka has no types
    """Folds what the group assigns to it. Kafka's committed offsets are never asked: positions live with the rows."""

    def __init__(
        self,
        consumer: AIOKafkaConsumer,
        names: Names,
        connect: Connect,
        bury: Bury,
        batch: int,
        tolerance: Tolerance | None = None,
    ) -> None:
        self._consumer = consumer
        self._names = names
        self._connect = connect
        self._reader = Reader(consumer, names, bury, batch, tolerance=tolerance)
        self._reassigned = False

    async def run(self) -> None:
        """Until cancelled. A lost connection or fence is answered by claiming again; anything else ends the process.

        Raises Switched once a rebuild has taken over, LogBroken, TooManyUndecodable.
        """
        self._consumer.subscribe([self._names.physical(topic) for topic in TOPICS], listener=self)
        while True:
            try:
                await self._follow(await self._connect())
            except (*LOST, Fenced) as error:
                logger.warning("claiming again in %s s: %s", BACK_OFF_SECONDS, error)
                await asyncio.sleep(BACK_OFF_SECONDS)

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        self._reader.starts.clear()

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Paused before anything is fetched. Claiming can fail, and aiokafka swallows what a listener raises, so that
        is left to the loop."""
        self._consumer.pause(*assigned)
        self._reader.starts.clear()
        self._reassigned = True

    async def _follow(self, store: Store) -> None:
        try:
            while True:
                if await self._claim(store):
                    await project(self._reader, store, lambda: not self._reassigned)
        finally:
            await store.close()

    async def _claim(self, store: Store) -> bool:
        """Become the writer of every assigned partition, and read on from where its rows stand.

        False where that is not to be now: the group has assigned anew, or a rebuild has fenced the schema.
        """
        self._reassigned = False
        starts = await self._reader.claim(store)
        if len(starts) < len(self._reader.assigned()):
            if await store.is_switched():
                raise Switched
            await asyncio.sleep(LOOK_SECONDS)
            return False
        if self._reassigned:
            return False
        self._reader.go_on(starts)
        return True


async def project(reader: Reader, store: Store, goes_on: Callable[[], bool]) -> None:
    """Batch after batch while it `goes_on`. The next one is read while Postgres takes in the rows of this one, and no
    sooner: what comes before are short questions, whose answers would wait for the reading.

    Raises Fenced.
    """
    ahead = asyncio.create_task(reader.next())
    try:
        while goes_on():
            moves, read = await ahead
            if moves and goes_on():
                began = time.time_ns()
                async with store.moving(moves):
                    sieve = await store.sieve(moves)
                    batch = sieve.sift(read)
                    prior = await store.prior(touched(batch))
                    changed = fold(prior, batch)
                    ahead = asyncio.create_task(reader.next())
                    await store.save(prior, changed)
                    await store.park(sieve.parked)
                    await settle(store, batch, changed)
                tell(changed["events"].values(), began)
            else:
                ahead = asyncio.create_task(reader.next())
    finally:
        ahead.cancel()
        await asyncio.gather(ahead, return_exceptions=True)


def tell(committed: Collection[EventRow], began: int) -> None:
    """What the read model has by now that it had not when the batch began, in nanoseconds since 1970."""
    for verdict, count in Counter("rejected" if row.reason else "accepted" for row in committed).items():
        PROJECTED.labels(verdict).inc(count)
    for row in committed:
        if row.type == UPLOADED:
            VISIBLE_SECONDS.observe(age(row.time))
        if recording():
            past(f"project {row.position.topic}", "CONSUMER", row.traceparent, consumed(row.position, PROJECTOR), began)
    say_of_each(logger, "projected", map(_line, committed))


def _line(row: EventRow) -> dict[str, object]:
    return about(row.event_id, row.type, row.image_id, row.position, row.traceparent) | {"reason": row.reason}
