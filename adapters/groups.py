"""Consumer groups: the analyzers' offsets, made before they first start, and where groups stand."""

from collections.abc import Iterable, Sequence

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupCoordinatorNotAvailableError
from aiokafka.structs import OffsetAndMetadata
from tenacity import AsyncRetrying, retry_if_result, stop_after_delay, wait_fixed

from adapters.admin import admin
from adapters.kafka import connecting
from adapters.log import Names
from contracts.topics import TOPICS, Topic


def analyzer_group(names: Names, group: str) -> str:
    """The consumer group of the analyzers that run the algorithm group `group`."""
    return f"{names.prefix}framelog-analyzer-{group}"


def fetcher_group(names: Names) -> str:
    """The consumer group of the fetchers."""
    return f"{names.prefix}framelog-fetcher"


async def create_fetcher_group(bootstrap: str, names: Names) -> bool:
    """Gives a new group of fetchers its offsets, like `create_groups`. False where it had some."""
    return await _create_group(bootstrap, fetcher_group(names), _read_by(names, "fetcher", TOPICS))


async def create_groups(
    bootstrap: str, names: Names, groups: Iterable[str], topics: Sequence[Topic] = TOPICS
) -> list[str]:
    """Gives each new algorithm group its offsets: zero on an empty log, else the end. Returns the groups made.

    A group without offsets would start wherever its client likes: past events would be lost or repeated by chance.
    """
    read = _read_by(names, "analyzer", topics)
    return [group for group in groups if await _create_group(bootstrap, analyzer_group(names, group), read)]


def _read_by(names: Names, consumer: str, topics: Sequence[Topic]) -> list[TopicPartition]:
    return [
        TopicPartition(names.physical(topic.name), partition)
        for topic in topics
        if consumer in topic.consumers
        for partition in range(topic.partitions)
    ]


async def members(bootstrap: str, group: str) -> int:
    """How many consumers are in the consumer group now; 0 if nobody knows it."""
    async with admin(bootstrap) as client:
        (answer,) = await client.describe_consumer_groups([group])
    ((_error, _group, _state, _kind, _protocol, found, *_),) = answer.groups
    return len(found)


async def group_offsets(bootstrap: str, group: str) -> dict[TopicPartition, int]:
    """Where the consumer group stands, by partition; empty if nobody knows it."""
    async with admin(bootstrap) as client:
        found = await client.list_consumer_group_offsets(group)
    return {at: committed.offset for at, committed in found.items()}


async def _create_group(bootstrap: str, group: str, partitions: Sequence[TopicPartition]) -> bool:
    """Also of a group that stands, where it lacks a topic that it has not read before. False where it lacks nothing."""
    async with admin(bootstrap) as client:
        standing = await _committed(client, group, partitions)
    missing = [at for at in partitions if standing[at].offset < 0]
    if not missing:
        return False
    consumer = AIOKafkaConsumer(**connecting(bootstrap), group_id=group, enable_auto_commit=False)
    await consumer.start()
    try:
        consumer.assign(missing)
        await consumer.commit(await consumer.end_offsets(missing))
        return True
    finally:
        await consumer.stop()


async def _committed(
    client: AIOKafkaAdminClient, group: str, partitions: Sequence[TopicPartition]
) -> dict[TopicPartition, OffsetAndMetadata]:
    """The group's offsets, -1 where it has none.

    A coordinator that is still loading answers no partition at all, which aiokafka hands on as if it were an answer:
    taken for a group without offsets, an old group would be moved to the end. So an answer counts once it is whole.
    """

    async def ask() -> dict[TopicPartition, OffsetAndMetadata]:
        try:
            found: dict[TopicPartition, OffsetAndMetadata] = await client.list_consumer_group_offsets(
                group, partitions=list(partitions)
            )
        except GroupCoordinatorNotAvailableError:  # the first group of a new Kafka: its offsets' topic is being made
            return {}
        return found

    def partial(found: dict[TopicPartition, OffsetAndMetadata]) -> bool:
        return len(found) < len(partitions)

    return await AsyncRetrying(retry=retry_if_result(partial), wait=wait_fixed(0.1), stop=stop_after_delay(30))(ask)
