"""Bring a read model that nobody else writes to from where it stands to an exact place in the log."""

from collections.abc import Mapping

from aiokafka import TopicPartition

from contracts.events import Record, Undecodable
from services.projector.consumer import project
from services.projector.reader import Ends, Reader
from services.projector.source import Log
from services.projector.store import Partition, Store

BATCH = 2_000


class StillFenced(Exception):
    """Another build has fenced this read model."""


async def follow(postgres: str, log: Log, name: str, upto: Ends) -> None:
    """Returns once the rows of `name` stand at `upto` in every partition; what is further on there stays.

    Raises LogBroken, and Fenced where somebody else writes.
    """
    store = await Store.connect(postgres, name)
    try:
        stands = await store.ends()
        left = {at: end for at, end in upto.items() if stands.get(at, 0) < end}
        if left:
            await _follow(store, log, left)
    finally:
        await store.close()


async def _follow(store: Store, log: Log, upto: Mapping[Partition, int]) -> None:
    async with log.reading() as consumer:
        consumer.assign([TopicPartition(log.names.physical(topic), partition) for topic, partition in upto])
        reader = Reader(consumer, log.names, _leave, BATCH, upto=upto)
        starts = await reader.claim(store)
        if len(starts) < len(upto):
            raise StillFenced("another build has fenced it")
        reader.go_on(starts)
        await project(reader, store, lambda: any(store.reached.get(at, 0) < end for at, end in upto.items()))


async def _leave(_: Record, __: Undecodable) -> None:
    """The live projector has buried it, or will: a build tells nobody anything."""
