"""Topics, group offsets and the bucket are made once, and refused when Kafka holds something else."""

from dataclasses import replace

import psycopg
import pytest
from aiokafka import AIOKafkaProducer, TopicPartition

from adapters.admin import WrongTopic, admin, create_bucket, create_topics
from adapters.groups import analyzer_group, create_groups
from adapters.log import Names
from contracts.topics import ANALYSES, DEAD_LETTERS, IMAGES, REANALYSIS
from tests.running import Stack


async def offsets(stack: Stack, group: str) -> dict[TopicPartition, int]:
    async with admin(stack.kafka) as client:
        found = await client.list_consumer_group_offsets(group)
    return {partition: at.offset for partition, at in found.items()}


async def test_creating_topics_twice_creates_them_once(stack: Stack, topics: Names) -> None:
    assert await create_topics(stack.kafka, topics) == []


async def test_a_changed_partition_count_is_refused_in_one_line(stack: Stack, topics: Names) -> None:
    with pytest.raises(WrongTopic, match=r"has 12 partitions in Kafka and 6 in contracts/topics\.py") as refused:
        await create_topics(stack.kafka, topics, [replace(IMAGES, partitions=6), ANALYSES, DEAD_LETTERS])
    assert "\n" not in str(refused.value)


async def test_a_topic_that_would_forget_events_is_refused(stack: Stack, topics: Names) -> None:
    with pytest.raises(WrongTopic, match=r"has retention.ms=-1, not 1000"):
        await create_topics(stack.kafka, topics, [replace(IMAGES, configs={"retention.ms": "1000"})])


async def test_a_new_group_starts_at_zero_on_an_empty_log(stack: Stack, topics: Names) -> None:
    assert await create_groups(stack.kafka, topics, ["core"]) == ["core"]
    found = await offsets(stack, analyzer_group(topics, "core"))
    read = (IMAGES.name, REANALYSIS.name, DEAD_LETTERS.name)
    assert found == {TopicPartition(topics.physical(topic), number): 0 for topic in read for number in range(12)}


async def test_a_group_that_stands_is_given_the_offsets_of_a_topic_it_has_not_read(stack: Stack, topics: Names) -> None:
    first = TopicPartition(topics.physical(IMAGES.name), 0)
    await create_groups(stack.kafka, topics, ["core"], [IMAGES])
    async with AIOKafkaProducer(bootstrap_servers=stack.kafka) as producer:
        await producer.send_and_wait(first.topic, b"{}", partition=0)
        await producer.send_and_wait(topics.physical(REANALYSIS.name), b"{}", partition=3)
    assert await create_groups(stack.kafka, topics, ["core"]) == ["core"]
    found = await offsets(stack, analyzer_group(topics, "core"))
    assert found[first] == 0
    assert found[TopicPartition(topics.physical(REANALYSIS.name), 3)] == 1


async def test_a_new_group_starts_at_the_end_of_a_log_with_events_and_keeps_its_place(
    stack: Stack, topics: Names
) -> None:
    first = TopicPartition(topics.physical(IMAGES.name), 0)
    async with AIOKafkaProducer(bootstrap_servers=stack.kafka) as producer:
        await producer.send_and_wait(first.topic, b"{}", partition=0)
        assert await create_groups(stack.kafka, topics, ["models"]) == ["models"]
        await producer.send_and_wait(first.topic, b"{}", partition=0)
    assert await create_groups(stack.kafka, topics, ["models"]) == []
    assert (await offsets(stack, analyzer_group(topics, "models")))[first] == 1


async def test_creating_a_bucket_twice_creates_it_once(stack: Stack, bucket: str) -> None:
    assert await create_bucket(stack.s3, stack.s3_access_key, stack.s3_secret_key, bucket, "us-east-1") is False


async def test_a_database_of_ones_own_is_empty(database: str) -> None:
    async with await psycopg.AsyncConnection.connect(database) as connection:
        found = await connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
        assert await found.fetchone() == (0,)
