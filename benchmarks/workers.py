"""Three who shrink pictures: Framelog's analyzer, a tutorial's Celery worker, and the floor under both."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import ClassVar
from uuid import uuid5

from aiokafka import AIOKafkaConsumer

from adapters.log import Log, Names
from adapters.objects import Objects
from benchmarks import peers
from benchmarks.floor import Floor
from benchmarks.photographs import Photograph
from contracts import ids
from contracts.analyses import AnalysisCompleted, AnalysisFailed
from contracts.codec import decode
from contracts.events import Cause, Recorded
from contracts.images import Content, ImageUploaded, Wanted

WANTED = (Wanted(algorithm="thumbnail"), Wanted(algorithm="hash"))
PATIENCE = 120.0


@dataclass
class Worker:
    """Originals lie among `objects` under their keys; what is made of them comes to lie under `derived/`."""

    name: ClassVar[str]
    objects: Objects

    async def work(self, photo: Photograph, pictures: Sequence[str]) -> float:
        """Seconds from the first question to the last answer about the originals with these SHA-256s."""
        raise NotImplementedError


@dataclass
class Framelog(Worker):
    """From the append time of the first ImageUploaded to that of the last AnalysisCompleted."""

    name = "Framelog"

    log: Log
    names: Names
    consumer: AIOKafkaConsumer
    """Reads `framelog.analyses` from where it ended at the start."""

    async def work(self, photo: Photograph, pictures: Sequence[str]) -> float:
        asked = await asyncio.gather(*(self._ask(photo, sha256) for sha256 in pictures))
        outcomes = await self._outcomes(len(pictures))
        assert {one.event.sha256 for one in outcomes} == set(pictures)
        assert all(len(one.event.results) == len(WANTED) for one in outcomes), "an analysis is not complete"
        return (max(one.time for one in outcomes) - min(asked)).total_seconds()

    async def _ask(self, photo: Photograph, sha256: str) -> datetime:
        cause = uuid5(ids.NAMESPACE, sha256)
        content = Content(
            sha256=sha256,
            size=len(photo.data),
            media_type="image/jpeg",
            storage_key=ids.original_key(sha256),
            width=photo.width,
            height=photo.height,
        )
        uploaded = ImageUploaded(
            image_id=ids.image(cause), owner="admin", actor="admin", content=content, filename="a.jpg", wanted=WANTED
        )
        now = datetime.now(UTC)
        return (await self.log.append(uploaded, Cause(event_id=cause, source="benchmark", time=now))).time

    async def _outcomes(self, count: int) -> list[Recorded[AnalysisCompleted]]:
        found: list[Recorded[AnalysisCompleted]] = []
        async with asyncio.timeout(PATIENCE):
            while len(found) < count:
                fetched = await self.consumer.getmany(timeout_ms=1_000)
                read = [decode(self.names.record(raw)) for records in fetched.values() for raw in records]
                failed = [one for one in read if isinstance(one.event, AnalysisFailed)]
                assert not failed, failed[0]
                found += [one for one in read if isinstance(one.event, AnalysisCompleted)]
        return found


@dataclass
class Celery(Worker):
    """`benchmarks/peers/tasks.py`, asked by a process of the peers' environment."""

    name = "Celery"

    environment: dict[str, str]
    arguments: ClassVar[tuple[str, ...]] = ()

    async def work(self, photo: Photograph, pictures: Sequence[str]) -> float:
        asking = await asyncio.create_subprocess_exec(
            *(peers.program("python"), "ask.py", *self.arguments),
            cwd=peers.PEERS,
            env=self.environment,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        said, _ = await asking.communicate("\n".join(map(ids.original_key, pictures)).encode())
        assert asking.returncode == 0, "the Celery worker did not answer"
        return float(said)


@dataclass
class Upright(Celery):
    """The same, with pictures turned as their EXIF says before they are shrunk."""

    name = "Celery, pictures upright"
    arguments = ("upright",)


@dataclass
class Bare(Worker):
    """`benchmarks/floor.py`."""

    name = "floor"

    floor: Floor

    async def work(self, photo: Photograph, pictures: Sequence[str]) -> float:
        clock = asyncio.get_running_loop().time
        start = clock()
        await asyncio.gather(*map(asyncio.wrap_future, self.floor.ask(map(ids.original_key, pictures))))
        return clock() - start
