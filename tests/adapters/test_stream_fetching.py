"""What is mended of Faust itself."""

import asyncio
from typing import Any

from adapters.admin import create_topics, delete_topics
from adapters.log import Log, Names
from adapters.stream.fetching import Fetching
from contracts.topics import IMAGES
from tests import events
from tests.events import cause, uid
from tests.running import Stack


async def test_a_seek_to_what_was_committed_goes_to_the_first_record_where_nothing_was(
    stack: Stack, unique: str
) -> None:
    """Faust seeks like this when a rebalance overtakes a fetch; unmended it stays where it is, past every record."""
    names, delivered = Names(f"{unique}-"), asyncio.Queue[bytes]()
    await create_topics(stack.kafka, names, [IMAGES])
    async with Log(stack.kafka, names) as log:
        await asyncio.gather(*(log.append(events.uploaded(uid(number)), cause(number)) for number in range(20)))
    app = Fetching.of(stack.kafka, f"{unique}-group", session=6.0)

    async def actor(stream: Any) -> None:
        async for event in stream.noack().events():
            delivered.put_nowait(event.key)

    raw = app.topic(names.physical(IMAGES.name), key_serializer="raw", value_serializer="raw")
    app.agent(raw, name="reader")(actor)
    try:
        async with asyncio.timeout(20):
            await app.start()
            first = [await delivered.get() for _ in range(20)]
            await app.fetched.perform_seek()
            again = [await delivered.get() for _ in range(20)]
    finally:
        await app.stop()
        await delete_topics(stack.kafka, names, [IMAGES])
    assert sorted(first) == sorted(again)
