"""The event log in Kafka: how an event is appended, how records are read, where a topic ends."""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError, MessageSizeTooLargeError
from msgspec.structs import replace

from adapters.kafka import connecting
from adapters.producer import Producer
from adapters.tracing import span
from contracts.codec import TOPIC_OF, Event, encode
from contracts.events import Cause, Message, Position, Record, TryLater
from contracts.topics import TOPICS

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
REQUEST_MS = 10_000
MAX_RECORD = max(int(topic.configs["max.message.bytes"]) for topic in TOPICS)


class OutcomeUnknown(Exception):
    """The log did not confirm in time. The event may stand: an idempotent producer never withdraws."""

    def __init__(self, event_id: UUID) -> None:
        super().__init__(f"the log has not confirmed event {event_id}")
        self.event_id = event_id


@dataclass(frozen=True, slots=True)
class Names:
    """Topic names as Kafka has them: a prefix lets several stacks and tests share one broker."""

    prefix: str = ""

    def physical(self, topic: str) -> str:
        return self.prefix + topic

    def logical(self, topic: str) -> str:
        return topic.removeprefix(self.prefix)

    def record(self, raw: ConsumerRecord[bytes, bytes]) -> Record:
        """A consumed record under its logical topic. `raw.timestamp` is append time, milliseconds since 1970."""
        return Record(
            topic=self.logical(raw.topic),
            partition=raw.partition,
            offset=raw.offset,
            time=EPOCH + timedelta(milliseconds=raw.timestamp),
            key=raw.key,
            value=raw.value,
            headers=tuple(raw.headers),
        )


@dataclass(frozen=True, slots=True)
class Appended:
    """An acknowledged event: where it stands, and the log's own time for it."""

    position: Position
    time: datetime


class Log:
    """Appends events, acknowledged by all in-sync replicas, once per event however often the client retries."""

    def __init__(self, bootstrap: str, names: Names, linger_ms: int = 0) -> None:
        self._bootstrap = bootstrap
        self._names = names
        self._linger_ms = linger_ms

    async def __aenter__(self) -> "Log":
        self._producer = await Producer(self._make).__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._producer.__aexit__()

    def _make(self) -> AIOKafkaProducer:
        return AIOKafkaProducer(
            **connecting(self._bootstrap),
            enable_idempotence=True,
            acks="all",
            linger_ms=self._linger_ms,
            request_timeout_ms=REQUEST_MS,
            max_request_size=MAX_RECORD,
        )

    async def append(self, event: Event, cause: Cause, within: float = 10.0) -> Appended:
        """The event's position, once every in-sync replica has it.

        Raises TryLater if nothing was sent, OutcomeUnknown if it was sent and not confirmed in `within` seconds.
        """
        topic = TOPIC_OF[type(event)].name
        about = {
            "messaging.system": "kafka",
            "messaging.destination.name": topic,
            "messaging.message.id": str(cause.event_id),
        }
        with span(f"send {topic}", "PRODUCER", cause.traceparent, about) as here:
            traced = replace(cause, traceparent=here.traceparent)
            return await self.produce(encode(event, traced), cause.event_id, within)

    async def produce(self, message: Message, event_id: UUID, within: float = 10.0) -> Appended:
        topic = self._names.physical(message.topic)
        try:
            async with asyncio.timeout(within):
                confirmed = await self._producer.send(topic, message)
        except TimeoutError:
            raise TryLater("Kafka takes no records") from None
        except MessageSizeTooLargeError:
            raise
        except KafkaError as error:
            raise TryLater(f"Kafka takes no records: {error}") from error
        try:
            async with asyncio.timeout(within):
                metadata: Any = await asyncio.shield(confirmed)
        except (TimeoutError, KafkaError) as error:
            raise OutcomeUnknown(event_id) from error
        time = EPOCH + timedelta(milliseconds=metadata.timestamp)
        return Appended(Position(message.topic, metadata.partition, metadata.offset), time)


async def ends(consumer: AIOKafkaConsumer, names: Names, topics: Iterable[str]) -> Mapping[tuple[str, int], int]:
    """The end offset of every partition of `topics`: one past the last record, keyed (logical topic, partition)."""
    partitions = [
        TopicPartition(names.physical(topic), partition)
        for topic in topics
        for partition in sorted(consumer.partitions_for_topic(names.physical(topic)) or ())
    ]
    found: dict[Any, int] = await consumer.end_offsets(partitions)
    return {(names.logical(at.topic), at.partition): offset for at, offset in found.items()}
