"""What analyzers tell the log, as it comes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

from aiokafka import AIOKafkaConsumer

from contracts.analyses import AnalysisStarted
from contracts.codec import decode
from contracts.topics import ANALYSES
from tests.running import House


class Told:
    """Images in the order in which their analyses have ended."""

    def __init__(self, house: House, consumer: AIOKafkaConsumer) -> None:
        self._house = house
        self._consumer = consumer
        self.ended: list[UUID] = []

    async def outcomes(self, count: int, within: float = 60) -> None:
        async with asyncio.timeout(within):
            while len(self.ended) < count:
                await self._more()

    async def of(self, image_id: UUID, within: float = 60) -> None:
        async with asyncio.timeout(within):
            while image_id not in self.ended:
                await self._more()

    async def _more(self) -> None:
        for records in (await self._consumer.getmany(timeout_ms=20)).values():
            events = [decode(self._house.names.record(raw)).event for raw in records]
            self.ended += [event.image_id for event in events if not isinstance(event, AnalysisStarted)]


@asynccontextmanager
async def told(house: House) -> AsyncIterator[Told]:
    topic = house.names.physical(ANALYSES.name)
    async with AIOKafkaConsumer(
        topic, bootstrap_servers=house.stack.kafka, auto_offset_reset="earliest", fetch_max_wait_ms=20
    ) as consumer:
        yield Told(house, consumer)
