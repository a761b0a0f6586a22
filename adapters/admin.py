"""What must exist before anything runs: topics, the analyzers' offsets in them, and the bucket. Safe to repeat."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import GroupCoordinatorNotAvailableError, TopicAlreadyExistsError, for_code
from aiokafka.structs import OffsetAndMetadata
from minio import Minio
from minio.error import S3Error
from tenacity import AsyncRetrying, retry_if_result, stop_after_delay, wait_fixed

from adapters.log import Names
from contracts.topics import TOPICS, Topic


class WrongTopic(Exception):
    """A topic stands in Kafka with other partitions or configs than contracts/topics.py says. One line."""


@asynccontextmanager
async def admin(bootstrap: str) -> AsyncIterator[AIOKafkaAdminClient]:
    client = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await client.start()
    try:
        yield client
    finally:
        await client.close()


async def create_topics(
    bootstrap: str, names: Names, topics: Sequence[Topic] = TOPICS, *, replication: int = 1
) -> list[str]:
    """Creates those of `topics` that are missing; their physical names, once every partition has a leader.

    Raises WrongTopic if one stands with another partition count or with configs that could lose events.
    """
    async with admin(bootstrap) as client:
        standing = await _partitions(client)
        present = [topic for topic in topics if names.physical(topic.name) in standing]
        for topic in present:
            _refuse_other_partitions(names.physical(topic.name), standing[names.physical(topic.name)], topic.partitions)
        await _refuse_other_configs(client, {names.physical(topic.name): topic.configs for topic in present})
        missing = [topic for topic in topics if topic not in present]
        await _create(client, names, missing, replication)
        await _led(client, {names.physical(topic.name): topic.partitions for topic in missing})
    return [names.physical(topic.name) for topic in missing]


async def delete_topics(bootstrap: str, names: Names, topics: Sequence[Topic] = TOPICS) -> None:
    """Deletes `topics` and all their events: for tests, which own their prefix."""
    async with admin(bootstrap) as client:
        await client.delete_topics([names.physical(topic.name) for topic in topics])


def analyzer_group(names: Names, group: str) -> str:
    """The consumer group of the analyzers that run the algorithm group `group`."""
    return f"{names.prefix}framelog-analyzer-{group}"


async def create_groups(
    bootstrap: str, names: Names, groups: Iterable[str], topics: Sequence[Topic] = TOPICS
) -> list[str]:
    """Gives each new algorithm group its offsets: zero on an empty log, else the end. Returns the groups made.

    A group without offsets would start wherever its client likes: past events would be lost or repeated by chance.
    """
    read = [
        TopicPartition(names.physical(topic.name), partition)
        for topic in topics
        if "analyzer" in topic.consumers
        for partition in range(topic.partitions)
    ]
    return [group for group in groups if await _create_group(bootstrap, analyzer_group(names, group), read)]


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


async def create_bucket(endpoint: str, access_key: str, secret_key: str, bucket: str, region: str) -> bool:
    """Makes the bucket; False if it was there."""
    scheme, _, address = endpoint.partition("://")
    client = Minio(address, access_key, secret_key, secure=scheme == "https", region=region)
    return await asyncio.to_thread(_make_bucket, client, bucket)


def _make_bucket(client: Minio, bucket: str) -> bool:
    if client.bucket_exists(bucket):
        return False
    try:
        client.make_bucket(bucket)
    except S3Error as error:
        if error.code != "BucketAlreadyOwnedByYou":
            raise
        return False
    return True


async def _partitions(client: AIOKafkaAdminClient) -> dict[str, int]:
    """Partitions that have a leader, by topic."""
    return {
        topic["topic"]: sum(1 for partition in topic["partitions"] if partition["leader"] >= 0)
        for topic in await client.describe_topics()
    }


async def _create(client: AIOKafkaAdminClient, names: Names, topics: Sequence[Topic], replication: int) -> None:
    if not topics:
        return
    answer = await client.create_topics(
        [
            NewTopic(names.physical(topic.name), topic.partitions, replication, topic_configs=dict(topic.configs))
            for topic in topics
        ]
    )
    for name, code, *reason in answer.topic_errors:
        if code not in (0, TopicAlreadyExistsError.errno):
            raise for_code(code)(f"{name}: {' '.join(map(str, reason))}")


async def _led(client: AIOKafkaAdminClient, expected: Mapping[str, int]) -> None:
    """Waits until every partition has a leader: a topic is acknowledged before brokers serve it."""

    async def leaderless() -> bool:
        standing = await _partitions(client)
        return any(standing.get(name, 0) < count for name, count in expected.items())

    await AsyncRetrying(retry=retry_if_result(bool), wait=wait_fixed(0.05), stop=stop_after_delay(30))(leaderless)


def _refuse_other_partitions(name: str, standing: int, declared: int) -> None:
    if standing != declared:
        raise WrongTopic(
            f"topic {name} has {standing} partitions in Kafka and {declared} in contracts/topics.py: "
            "partition counts are fixed for ever; set the declared count back"
        )


async def _refuse_other_configs(client: AIOKafkaAdminClient, declared: Mapping[str, Mapping[str, str]]) -> None:
    asked = [
        ConfigResource(ConfigResourceType.TOPIC, name, configs=dict(configs)) for name, configs in declared.items()
    ]
    for answer in await client.describe_configs(asked) if asked else ():
        for _code, _error, _kind, name, entries in answer.resources:
            standing = {entry[0]: entry[1] for entry in entries}
            for key, value in declared[name].items():
                if standing.get(key) != value:
                    raise WrongTopic(
                        f"topic {name} has {key}={standing.get(key)}, not {value}: set it with "
                        f"kafka-configs --alter --topic {name} --add-config {key}={value}"
                    )


async def _create_group(bootstrap: str, group: str, partitions: Sequence[TopicPartition]) -> bool:
    async with admin(bootstrap) as client:
        if any(at.offset >= 0 for at in (await _committed(client, group, partitions)).values()):
            return False
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, group_id=group, enable_auto_commit=False)
    await consumer.start()
    try:
        consumer.assign(partitions)
        await consumer.commit(await consumer.end_offsets(partitions))
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
