"""`framelog topics` on a real Kafka and a real store: makes what is missing, and refuses what stands otherwise."""

import asyncio
import os
from dataclasses import replace

import pytest
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from adapters.admin import admin, create_topics, delete_topics, enough
from adapters.log import Names
from contracts.topics import IMAGES, TOPICS
from tests.cli.running import Ran, command
from tests.running import Stack

GROUPS = ("core", "models", "network")


async def framelog(stack: Stack, unique: str, *arguments: str) -> Ran:
    told = stack.environment() | {"FRAMELOG_TOPIC_PREFIX": f"{unique}-", "FRAMELOG_S3_BUCKET": unique}
    bare = {name: value for name, value in os.environ.items() if not name.startswith("FRAMELOG_")}
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *command("topics", *arguments), env=bare | told, stdout=pipe, stderr=pipe
    )
    out, err = await process.communicate()
    return Ran(process.returncode or 0, out.decode(), err.decode())


async def test_what_is_missing_is_made_once(stack: Stack, unique: str, bucket: str) -> None:
    names = Names(f"{unique}-")
    try:
        (first,) = (await framelog(stack, unique, "--json")).documents
        assert {names.physical(topic.name) for topic in TOPICS} <= set(first["made"])
        assert {f"{unique}-framelog-analyzer-{group}" for group in GROUPS} <= set(first["made"])
        assert f"{unique}-framelog-fetcher" in first["made"]
        assert (await framelog(stack, unique)).out == "nothing is missing\n"
    finally:
        await delete_topics(stack.kafka, names)


async def test_a_topic_with_other_partitions_is_refused(stack: Stack, unique: str, bucket: str) -> None:
    await create_topics(stack.kafka, Names(f"{unique}-"), [replace(IMAGES, partitions=3)])
    try:
        ran = await framelog(stack, unique)
        assert (ran.code, ran.out) == (2, "")
        assert "has 3 partitions in Kafka and 12 in contracts/topics.py" in ran.err
    finally:
        await delete_topics(stack.kafka, Names(f"{unique}-"), [IMAGES])


async def test_more_copies_than_brokers_are_refused_in_one_line(stack: Stack, unique: str, bucket: str) -> None:
    ran = await framelog(stack, unique, "--replication", "3")
    assert ran.code == 3
    assert ran.err.startswith("framelog: Kafka or object storage: ")
    assert ran.err.count("\n") == 1


@pytest.mark.parametrize(("copies", "needed"), [(1, 1), (2, 1), (3, 2), (5, 3)])
def test_a_write_needs_most_copies_but_not_those_of_a_broker_that_is_away(copies: int, needed: int) -> None:
    assert enough(copies) == needed


async def test_a_topic_says_how_many_copies_are_enough(stack: Stack, topics: Names) -> None:
    async with admin(stack.kafka) as client:
        asked = ConfigResource(
            ConfigResourceType.TOPIC, topics.physical(IMAGES.name), configs={"min.insync.replicas": ""}
        )
        ((answer,),) = [one.resources for one in await client.describe_configs([asked])]
    assert {entry[0]: entry[1] for entry in answer[4]}["min.insync.replicas"] == "1"
