"""What a campaign costs those who upload meanwhile: from an upload until its analysis is visible."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterator
from uuid import NAMESPACE_URL, UUID, uuid5

from psycopg import AsyncConnection

from adapters.log import Log
from adapters.objects import Objects
from benchmarks import visible
from benchmarks.percentiles import Percentiles, percentile
from benchmarks.stand import Stack, fill
from benchmarks.visible import ANALYSED, Line
from contracts import ids
from contracts.codec import Event
from contracts.events import Cause
from contracts.images import Content, Wanted
from contracts.reanalysis import ReanalysisRequested
from services.api import now

IMAGES = 20_000
UPLOADS = 60  # per round, one at a time
ORIGINALS = 200
NAME = "thumbnail-2"
ENDED = "SELECT count(*) FROM framelog.attempts WHERE finished_at IS NOT NULL"


async def tables(stack: Stack, rounds: int) -> AsyncIterator[Percentiles]:
    async with visible.running(stack) as own:
        await visible.one_by_one(own, UPLOADS)  # warm
        await own.taken()
        await visible.one_by_one(own, UPLOADS * rounds)
        idle = (await own.taken())[ANALYSED]
        await _ask(own)
        before, began = await _ended(own), asyncio.get_running_loop().time()
        await visible.one_by_one(own, UPLOADS * rounds)
        busy = (await own.taken())[ANALYSED]
        done = await _ended(own) - before - UPLOADS * rounds
        rate = done / (asyncio.get_running_loop().time() - began)
    ratio = percentile(busy, 95) / percentile(idle, 95)
    title = f"Upload until its analysis is visible, while a campaign over {IMAGES:,} images runs"
    note = (
        f"{UPLOADS * rounds} uploads one at a time, a JPEG of 1 MP with all of the house's algorithms. Meanwhile the "
        f"campaign did {rate:.0f} images/s, a thumbnail of its own of each. p95 is {ratio:.2f} of idle; wanted ≤ 2."
    )
    assert done < IMAGES, "the campaign was over before the uploads were"
    yield Percentiles(title, {"idle": idle, "during the campaign": busy}, [note])


async def _ask(own: Line) -> None:
    """Nothing is found again: every image wants a thumbnail of a size that no other wants of the same bytes."""
    stand = own.stand
    contents = []
    async with Objects(
        stand.stack.s3, stand.stack.s3_access_key, stand.stack.s3_secret_key, stand.bucket, "us-east-1"
    ) as objects:
        for number in range(ORIGINALS):
            data = own.photo.numbered(10**6 + number)
            content = _content(data)
            await objects.put(content.storage_key, data, content.media_type)
            contents.append(content)
    async with Log(stand.stack.kafka, stand.names) as log:
        await fill(log, _requests(contents))


def _requests(contents: list[Content]) -> Iterator[list[tuple[Event, Cause]]]:
    for number in range(IMAGES):
        image_id = uuid5(NAMESPACE_URL, f"campaign {number}")
        params = {"width": 64 + number // ORIGINALS, "height": 64}
        event = ReanalysisRequested(
            image_id=image_id,
            owner="admin",
            actor="admin",
            campaign=NAME,
            content=contents[number % ORIGINALS],
            wanted=(Wanted(algorithm="thumbnail", params=params),),
        )
        yield [(event, _cause(image_id))]


def _cause(image_id: UUID) -> Cause:
    return Cause(event_id=ids.reanalysis(NAME, image_id, ["thumbnail"]), source="ingest", time=now())


def _content(data: bytes) -> Content:
    sha256 = hashlib.sha256(data).hexdigest()
    return Content(
        sha256=sha256,
        size=len(data),
        media_type="image/jpeg",
        storage_key=ids.original_key(sha256),
        width=1152,
        height=864,
    )


async def _ended(own: Line) -> int:
    connection: AsyncConnection[tuple[int]] = own.connection
    ((count,),) = await (await connection.execute(ENDED)).fetchall()
    return count
