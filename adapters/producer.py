"""An idempotent producer that is replaced as soon as it has given up a record.

aiokafka numbers the records of a partition and counts on, also past one that it gives up, as when a broker comes back
and its partitions have no leader yet. Kafka takes no record behind that gap, for as long as the producer lives.
"""

import asyncio
import logging
from collections.abc import Callable
from functools import partial

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, ProducerClosed

from contracts.events import Message

PAUSE_SECONDS = 0.5
FAREWELL_SECONDS = 30.0

Confirmed = asyncio.Future[object]
logger = logging.getLogger(__name__)


class Producer:
    """`make` makes one that is not started yet. Entering raises KafkaError where Kafka does not answer."""

    def __init__(self, make: Callable[[], AIOKafkaProducer]) -> None:
        self._make = make
        self._given_up: AIOKafkaProducer | None = None
        self._renewals: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> "Producer":
        self._current = await self._started()
        return self

    async def __aexit__(self, *_: object) -> None:
        for renewal in self._renewals:
            renewal.cancel()
        await asyncio.gather(*self._renewals, return_exceptions=True)
        await self._current.stop()

    async def send(self, topic: str, message: Message) -> Confirmed:
        """Has the record on its way; what is returned says where it stands, once it does. Raises KafkaError."""
        producer = self._current
        try:
            confirmed: Confirmed = await producer.send(topic, message.value, message.key, headers=list(message.headers))
        except ProducerClosed:  # replaced while the record waited for its turn
            if producer is self._current:
                raise
            return await self.send(topic, message)
        confirmed.add_done_callback(partial(self._judge, producer))
        return confirmed

    def _judge(self, producer: AIOKafkaProducer, confirmed: Confirmed) -> None:
        failure = None if confirmed.cancelled() else confirmed.exception()
        if failure and producer is self._current is not self._given_up:
            logger.warning("a record was given up, so a new producer takes over: %r", failure)
            self._given_up = producer
            renewal = asyncio.create_task(self._renew())
            self._renewals.add(renewal)
            renewal.add_done_callback(self._renewals.discard)

    async def _renew(self) -> None:
        while True:
            try:
                fresh = await self._started()
                break
            except KafkaError:
                await asyncio.sleep(PAUSE_SECONDS)
        old, self._current = self._current, fresh
        await self._dismiss(old)

    async def _started(self) -> AIOKafkaProducer:
        producer = self._make()
        try:
            await producer.start()
        except BaseException:
            await producer.stop()
            raise
        return producer

    async def _dismiss(self, producer: AIOKafkaProducer) -> None:
        """What it has in hand comes to its end, for a while."""
        try:
            async with asyncio.timeout(FAREWELL_SECONDS):
                await producer.stop()
        except (TimeoutError, KafkaError) as error:
            logger.warning("the old producer does not end: %r", error)
