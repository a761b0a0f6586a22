"""Where the log ends as of now, asked once for everybody who wants to know at about the same time."""

import asyncio

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError
from aiokafka.partitioner import murmur2

from adapters.kafka import connecting
from adapters.log import Names
from contracts.events import Position, TryLater
from contracts.topics import Topic

TOGETHER_SECONDS = 0.05
ANSWER_SECONDS = 5.0


class Ends:
    """A question is only ever answered by a request that was sent after it was put."""

    def __init__(self, bootstrap: str, names: Names) -> None:
        self._consumer = AIOKafkaConsumer(**connecting(bootstrap), request_timeout_ms=5_000)
        self._names = names
        self._asked: dict[str, asyncio.Task[dict[int, int]]] = {}

    async def __aenter__(self) -> "Ends":
        try:
            await self._consumer.start()
        except BaseException:
            await self._consumer.stop()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._consumer.stop()

    async def of(self, topic: Topic) -> dict[int, int]:
        """The end offset of each partition: one past the last record. Raises TryLater while Kafka is down."""
        if topic.name not in self._asked:
            self._asked[topic.name] = asyncio.create_task(self._ask(topic))
        return await asyncio.shield(self._asked[topic.name])

    async def of_key(self, topic: Topic, key: str) -> Position:
        """The end of the partition that holds every event of one aggregate."""
        partition = partition_of(topic, key)
        return Position(topic.name, partition, (await self.of(topic))[partition])

    async def _ask(self, topic: Topic) -> dict[int, int]:
        await asyncio.sleep(TOGETHER_SECONDS)
        del self._asked[topic.name]  # whoever asks from here on may know of a record that this answer does not
        partitions = [TopicPartition(self._names.physical(topic.name), number) for number in range(topic.partitions)]
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                found = await self._consumer.end_offsets(partitions)
        except (KafkaError, TimeoutError) as error:
            raise TryLater(f"Kafka does not say where {topic.name} ends: {error}") from error
        return {at.partition: offset for at, offset in found.items()}


def partition_of(topic: Topic, key: str) -> int:
    """The partition of a key, as Kafka's own producers choose it (murmur2 of the key, sign bit cleared)."""
    return int(murmur2(key.encode()) & 0x7FFFFFFF) % topic.partitions
