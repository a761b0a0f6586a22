"""A producer that has given up a record is of no use any more, and is replaced."""

import asyncio

from aiokafka import TopicPartition

from adapters.ends import partition_of
from adapters.log import Log, Names, OutcomeUnknown
from contracts.topics import IMAGES
from tests import events
from tests.events import cause, uid
from tests.running import Stack


async def test_after_a_gap_in_its_numbers_the_log_takes_records_again(stack: Stack, topics: Names) -> None:
    """As after a broker that came back without a leader: aiokafka has given up a record, and counted it."""
    partition = TopicPartition(topics.physical(IMAGES.name), partition_of(IMAGES, str(uid("image"))))
    async with Log(stack.kafka, topics) as log:
        await log.append(events.uploaded(uid("image")), cause(1))
        log._producer._current._txn_manager.increment_sequence_number(partition, 1)
        taken, tries = None, 0
        async with asyncio.timeout(10):
            while taken is None:
                tries += 1
                try:
                    taken = await log.append(events.deleted(uid("image")), cause(2))
                except OutcomeUnknown:
                    await asyncio.sleep(0.05)
    assert tries > 1
    assert taken.position.offset == 1


async def test_whatever_is_sent_meanwhile_is_confirmed_or_unknown_and_none_is_lost(stack: Stack, topics: Names) -> None:
    image = str(uid("image"))
    partition = TopicPartition(topics.physical(IMAGES.name), partition_of(IMAGES, image))

    async def kept(log: Log, number: int) -> int:
        while True:
            try:
                return (await log.append(events.updated(uid("image")), cause(number))).position.offset
            except OutcomeUnknown:
                await asyncio.sleep(0.02)

    async with Log(stack.kafka, topics) as log, asyncio.timeout(20):
        await log.append(events.uploaded(uid("image")), cause("first"))
        appending = [asyncio.create_task(kept(log, number)) for number in range(200)]
        await asyncio.sleep(0)
        log._producer._current._txn_manager.increment_sequence_number(partition, 1)
        offsets = await asyncio.gather(*appending)
    assert len(set(offsets)) == 200
