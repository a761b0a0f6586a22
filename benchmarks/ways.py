"""Ways to upload a picture, and where each leaves it."""

import asyncio
from dataclasses import dataclass, field
from typing import ClassVar
from urllib.parse import urlsplit
from uuid import uuid4

import orjson

from adapters.ends import Ends
from adapters.objects import Objects
from benchmarks.load import Answer
from contracts import ids
from contracts.topics import ANALYSES, IMAGES, Topic

ANALYSED_SECONDS = 120
EVENTS_OF_ANALYSIS = 2


async def until(ends: Ends, topic: Topic, events: int) -> None:
    """Returns when so many events are on the topic."""
    while sum((await ends.of(topic)).values()) < events:  # noqa: ASYNC110 - another process appends them
        await asyncio.sleep(0.1)


@dataclass
class Way:
    """Its uploads come to lie among `objects` under `prefix`; `uploaded` of them have been sent so far.

    `pid` is of the process that takes them, where that is not the store's own.
    """

    name: ClassVar[str]
    method: ClassVar[str] = "POST"
    accepted: ClassVar[int] = 201
    prefix: ClassVar[str] = ""

    port: int
    objects: Objects
    pid: int = 0
    authorization: str = ""
    uploaded: int = 0

    def target(self) -> str:
        """The address of the next upload."""
        raise NotImplementedError

    def key(self, answer: Answer) -> str:
        """Where the uploaded bytes lie, as the answer says."""
        raise NotImplementedError

    async def settled(self) -> None:
        """Raises AssertionError if anything else is left of the uploads than should be."""


@dataclass
class Framelog(Way):
    """With the whole line, every upload is analysed before the next round."""

    name = "Framelog"
    prefix = "originals/"

    ends: Ends = field(kw_only=True)
    whole_line: bool = field(kw_only=True)

    def target(self) -> str:
        return "/v1/images"

    def key(self, answer: Answer) -> str:
        return ids.original_key(orjson.loads(answer.body)["sha256"])

    async def settled(self) -> None:
        events = sum((await self.ends.of(IMAGES)).values())
        assert events == self.uploaded, f"{events} events of {self.uploaded} uploads"
        if self.whole_line:
            async with asyncio.timeout(ANALYSED_SECONDS):
                await until(self.ends, ANALYSES, events * EVENTS_OF_ANALYSIS)


@dataclass
class Tutorial(Way):
    """`benchmarks/peers/tutorial.py`."""

    name = "tutorial"

    def target(self) -> str:
        return "/images"

    def key(self, answer: Answer) -> str:
        return str(orjson.loads(answer.body)["key"])


@dataclass
class BareRelay(Way):
    """`benchmarks/relay.py`."""

    name = "bare relay"
    prefix = "originals/"

    def target(self) -> str:
        return "/"

    def key(self, answer: Answer) -> str:
        return ids.original_key(orjson.loads(answer.body)["sha256"])


@dataclass
class Presigned(Way):
    """What a client could do without any service. The addresses are made before the clock starts."""

    name = "presigned PUT"
    method = "PUT"
    accepted = 200

    keys: list[str] = field(default_factory=list)

    def target(self) -> str:
        self.keys.append(uuid4().hex)
        address = urlsplit(self.objects.presign("PUT", self.keys[-1], 600))
        return f"{address.path}?{address.query}"

    def key(self, answer: Answer) -> str:
        return self.keys[answer.number]
