"""What must exist before anything runs: topics and the bucket. Safe to repeat."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import TopicAlreadyExistsError, for_code
from minio import Minio
from minio.error import S3Error
from tenacity import AsyncRetrying, retry_if_result, stop_after_delay, wait_fixed

from adapters.kafka import connecting
from adapters.log import Names
from contracts.topics import TOPICS, Topic


class WrongTopic(Exception):
    """A topic stands in Kafka with other partitions or configs than contracts/topics.py says. One line."""


@asynccontextmanager
async def admin(bootstrap: str) -> AsyncIterator[AIOKafkaAdminClient]:
    client = AIOKafkaAdminClient(**connecting(bootstrap))
    await client.start()
    try:
        yield client
    finally:
        await client.close()


async def create_topics(
    bootstrap: str, names: Names, topics: Sequence[Topic] = TOPICS, *, replication: int = 1
) -> list[str]:
    """Creates those of `topics` that are missing; their physical names, once every partition has a leader.

    Of `replication` copies of each record half, or one more, are on disks before a write is acknowledged.
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
    insync = {"min.insync.replicas": str(enough(replication))}
    answer = await client.create_topics(
        [
            NewTopic(
                names.physical(topic.name), topic.partitions, replication, topic_configs={**topic.configs, **insync}
            )
            for topic in topics
        ]
    )
    for name, code, *reason in answer.topic_errors:
        if code not in (0, TopicAlreadyExistsError.errno):
            raise for_code(code)(f"{name}: {' '.join(map(str, reason))}")


def enough(copies: int) -> int:
    """How many of so many copies are on disks before a write is acknowledged: one broker less still takes it."""
    return (copies + 1) // 2


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
