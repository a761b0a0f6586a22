"""The log as builds read it: from the beginning, by consumers of their own, up to a goal."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiokafka import AIOKafkaConsumer

from adapters.kafka import connecting
from adapters.log import MAX_RECORD, Names
from services.projector.whole import refuse_lost_topics

POLL_MS = 20


@dataclass(frozen=True, slots=True)
class Log:
    bootstrap: str
    names: Names

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AIOKafkaConsumer]:
        async with AIOKafkaConsumer(
            **connecting(self.bootstrap),
            enable_auto_commit=False,
            max_partition_fetch_bytes=MAX_RECORD,
            fetch_max_bytes=4 * MAX_RECORD,
            fetch_max_wait_ms=POLL_MS,  # nothing new is waited for
            auto_offset_reset="none",  # what is gone is not skipped
        ) as consumer:
            await refuse_lost_topics(consumer, self.names)
            yield consumer
