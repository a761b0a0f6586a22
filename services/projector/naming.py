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
from psycopg.sql import SQL, Composed, Identifier

from services.projector import schema
from services.projector.build import Log
from services.projector.positions import Connection, ends, stands
from services.projector.reader import Ends
from services.projector.verify import served_by, snapshot_of

WAIT_SECONDS = 60.0
POLL_SECONDS = 0.1
AT_ONCE = 2_000
OFFERED_FOR = "1 day"
"""How long after its end an offer still holds (services/ingest/offers.py)."""

# Where events name pictures: those to be stored or analysed, and those that were. By its key too, should it differ.
NAMED = SQL("""
(VALUES (data #>> '{{content,sha256}}'), (right(data #>> '{{content,storage_key}}', 64)), (data ->> 'sha256'))
AS named (picture)
""")
# What nobody could read may name them anywhere. That takes twenty times as long, of few records.
HASHES = SQL("regexp_matches({}, '[0-9a-f]{{64}}', 'g') AS found")
# What waits behind a dead letter, and what dead letters hold, is in the log too. No escape sequence looks like a hash.
UNREAD = SQL("""
SELECT found[1] COLLATE "C" AS picture FROM {schema}.parked, {in_parked}
UNION SELECT found[1] FROM {schema}.letters, {in_letters}
""")
PICTURES = SQL("""
SELECT picture COLLATE "C" AS picture FROM {schema}.events, LATERAL {in_events} WHERE picture IS NOT NULL
UNION {unread}
ORDER BY picture
""")
SINCE = SQL("""
SELECT picture FROM (
    SELECT picture
    FROM unnest(%s::text[], %s::int[], %s::bigint[]) AS stood (topic, partition, next_offset)
    JOIN {schema}.events AS event
        ON (event.topic, event.partition) = (stood.topic, stood.partition) AND event."offset" >= stood.next_offset,
    LATERAL {in_events}
    UNION {unread}
) AS since
WHERE picture = ANY (%s)
""")
EXPECTED = SQL("""
SELECT key COLLATE "C" AS key, size, sha256, min(image_id::text) FROM (
    SELECT
        data #>> '{{content,storage_key}}' AS key, (data #> '{{content,size}}')::bigint AS size,
        data #>> '{{content,sha256}}' AS sha256, image_id
    FROM {schema}.events WHERE data ? 'content'
    UNION ALL
    SELECT made ->> 'key', (made -> 'size')::bigint, made ->> 'sha256', image_id
    FROM {schema}.facts, jsonb_path_query(result, '$.renditions[*] ? (@.size.type() == "number")') AS made
    WHERE made ?& ARRAY['key', 'sha256']
) AS expected
GROUP BY 1, 2, 3 ORDER BY 1
""")
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

    _log: Log
    _then: Connection
    _now: Connection
    _schema: str
    _stood: Mapping[tuple[str, int], int]

    async def expected(self) -> AsyncIterator[Expected]:
        """Originals of every event, and renditions of every fact, in the order of keys."""
        async for row in _rows(self._then, "expected", EXPECTED.format(schema=Identifier(self._schema))):
            yield Expected(*row)

    async def pictures(self) -> AsyncIterator[str]:
        """The SHA-256 of every picture that was named, in order."""
        async for row in _rows(self._then, f"pictures_{next(_NUMBERS)}", _about(PICTURES, self._schema)):
            yield row[0]

    async def since(self, pictures: Collection[str]) -> set[str]:
        """Those that the log, as of now, has come to name. Raises Lagging."""
        await _reached(self._now, await ends(self._log))
        query = _about(SINCE, await served_by(self._now))
        stood = [(topic, partition, offset) for (topic, partition), offset in self._stood.items()]
        columns = [list(column) for column in zip(*stood, strict=True)] or [[], [], []]
        return {row[0] async for row in await self._now.execute(query, (*columns, list(pictures)))}

    async def offered(self, keys: Collection[str]) -> set[str]:
        """Those that a client may still put a direct upload under, or complete one that it has put."""
        return {row[0] async for row in await self._now.execute(OFFERED, (list(keys),))}


@asynccontextmanager
async def look(postgres: str, log: Log, within: float = WAIT_SECONDS) -> AsyncIterator[Look]:
    """Raises NothingServed, and Lagging where the projector is further than `within` seconds from the log's end."""
    async with await AsyncConnection.connect(postgres, autocommit=True) as now:
        await served_by(now)
        await _reached(now, await ends(log), within)
        async with snapshot_of(postgres) as then:
            name = await served_by(then)
            yield Look(log, then, now, name, await stands(then, name))


async def _reached(connection: Connection, goal: Ends, within: float = WAIT_SECONDS) -> None:
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


def _about(query: SQL, name: str) -> Composed:
    served = Identifier(name)
    unread = UNREAD.format(
        schema=served,
        in_parked=HASHES.format(SQL("encode(record, 'escape')")),
        in_letters=HASHES.format(SQL("encode(decode(value, 'base64'), 'escape')")),
    )
    return query.format(schema=served, in_events=NAMED.format(), unread=unread)


async def _rows(connection: Connection, name: str, query: Composed) -> AsyncIterator[tuple[Any, ...]]:
    async with connection.cursor(name=name) as cursor:
        cursor.itersize = AT_ONCE
        await cursor.execute(query)
        async for row in cursor:
            yield row
