"""The log as builds read it: from the beginning, by consumers of their own, up to a goal."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiokafka import AIOKafkaConsumer

from adapters.kafka import connecting
from adapters.log import Names
from services.projector.whole import refuse_lost_topics

POLL_MS = 20
PARTITION_FETCH = 512 * 1024
"""So much of a partition is had at once, in bytes, or one batch of a producer, however large: memory is bounded."""
FETCH = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Log:
    bootstrap: str
    names: Names

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AIOKafkaConsumer]:
        async with AIOKafkaConsumer(
            **connecting(self.bootstrap),
            enable_auto_commit=False,
            max_partition_fetch_bytes=PARTITION_FETCH,
            fetch_max_bytes=FETCH,
            fetch_max_wait_ms=POLL_MS,  # nothing new is waited for
            auto_offset_reset="none",  # what is gone is not skipped
        ) as consumer:
            await refuse_lost_topics(consumer, self.names)
            yield consumer
