"""What the log names in object storage, seen once the read model holds all that the log held at that moment.

A picture is named by its SHA-256 in any event, accepted or not, parked or buried: it is no orphan then, nor is what
hangs on it (renditions, results). Streams come in the order of keys, however many they are.
"""

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count
from typing import Any

from psycopg import AsyncConnection
from psycopg.sql import Composed

from adapters.ends import Ends
from contracts.topics import TOPICS as DECLARED
from services.projector import schema
from services.projector.naming_sql import EXPECTED, PICTURES, SINCE, in_schema
from services.projector.positions import Connection
from services.projector.projections import TOPICS
from services.projector.schema import stands
from services.projector.source import Log
from services.projector.store import Partition
from services.projector.verify import served_by, snapshot_of

WAIT_SECONDS = 60.0
POLL_SECONDS = 0.1
AT_ONCE = 2_000
OFFERED_FOR = "1 day"
"""How long after its end an offer still holds (services/ingest/offers.py)."""

OFFERED = f"SELECT key FROM unlogged.offers WHERE key = ANY (%s) AND expires_at > now() - interval '{OFFERED_FOR}'"


_NUMBERS = count()  # of cursors: several may be open in one transaction


class Lagging(Exception):
    """The read model does not come to hold what the log holds. One line."""


@dataclass(frozen=True, slots=True)
class Expected:
    """An object that a row names. `size` is bytes; `image` is one of the images it belongs to."""

    key: str
    size: int
    sha256: str
    image: str | None


@dataclass(frozen=True, slots=True)
class Look:
    """What was named at one moment, and what has been since. Kept open no longer than it must."""

    _ends: Ends
    _then: Connection
    _now: Connection
    _schema: str
    _stood: Mapping[Partition, int]

    async def expected(self) -> AsyncIterator[Expected]:
        """Originals of every event, and renditions of every fact, in the order of keys."""
        async for row in _rows(self._then, "expected", in_schema(EXPECTED, self._schema)):
            yield Expected(*row)

    async def pictures(self) -> AsyncIterator[str]:
        """The SHA-256 of every picture that was named, in order."""
        async for row in _rows(self._then, f"pictures_{next(_NUMBERS)}", in_schema(PICTURES, self._schema)):
            yield row[0]

    async def since(self, pictures: Collection[str]) -> set[str]:
        """Those that the log, as of now, has come to name. Raises Lagging."""
        await _reached(self._now, await _log_ends(self._ends))
        query = in_schema(SINCE, await served_by(self._now))
        stood = [(topic, partition, offset) for (topic, partition), offset in self._stood.items()]
        columns = [list(column) for column in zip(*stood, strict=True)] or [[], [], []]
        return {row[0] async for row in await self._now.execute(query, (*columns, list(pictures)))}

    async def offered(self, keys: Collection[str]) -> set[str]:
        """Those that a client may still put a direct upload under, or complete one that it has put."""
        return {row[0] async for row in await self._now.execute(OFFERED, (list(keys),))}


@asynccontextmanager
async def look(postgres: str, log: Log, within: float = WAIT_SECONDS) -> AsyncIterator[Look]:
    """Raises NothingServed, TryLater, and Lagging where the projector does not come to the log's end in time."""
    async with await AsyncConnection.connect(postgres, autocommit=True) as now:
        await served_by(now)
        async with Ends(log.bootstrap, log.names) as ends:
            await _reached(now, await _log_ends(ends), within)
            async with snapshot_of(postgres) as then:
                name = await served_by(then)
                yield Look(ends, then, now, name, await stands(then, name))


async def _log_ends(ends: Ends) -> Mapping[Partition, int]:
    topics = [topic for topic in DECLARED if topic.name in TOPICS]
    found = await asyncio.gather(*(ends.of(topic) for topic in topics))
    return {
        (topic.name, partition): end
        for topic, of_topic in zip(topics, found, strict=True)
        for partition, end in of_topic.items()
    }


async def _reached(connection: Connection, goal: Mapping[Partition, int], within: float = WAIT_SECONDS) -> None:
    try:
        async with asyncio.timeout(within):
            while True:
                if await schema.reached(connection, await served_by(connection), goal):
                    return
                await asyncio.sleep(POLL_SECONDS)
    except TimeoutError:
        raise Lagging(
            f"the read model is not at the end of the log after {within:.0f} s, and nothing is judged before;"
            " `framelog doctor` shows how far it is"
        ) from None


async def _rows(connection: Connection, name: str, query: Composed) -> AsyncIterator[tuple[Any, ...]]:
    async with connection.cursor(name=name) as cursor:
        cursor.itersize = AT_ONCE
        await cursor.execute(query)
        async for row in cursor:
            yield row
