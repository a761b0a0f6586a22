"""The read model in Postgres, as ingest and query ask it: rows as states, verdicts, and how far it has got."""

import asyncio
from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Self
from uuid import UUID

import msgspec
from psycopg import AsyncConnection, OperationalError
from psycopg.errors import InvalidSchemaName, UndefinedTable
from psycopg.rows import DictRow, dict_row
from psycopg.types.json import set_json_loads
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from adapters.waiting import Poll, Together
from contracts import ids
from contracts.codec import Event, read
from contracts.dead_letters import PROJECTOR
from contracts.events import Position, TryLater
from contracts.read_model.images import COLUMNS, placed
from contracts.resources.images import Analysis, Described

POOL_SECONDS = 1.0
# The pool doubles its pauses between tries to connect: after an hour's outage it would stay away for minutes more. Who
# has given up tries again as soon as anybody asks.
RECONNECT_SECONDS = 2.0
QUERY_SECONDS = 5.0
SERVED = "framelog"
"""The schema of the views over whichever read model is served."""
SESSION = {
    "timezone": "UTC",
    "default_transaction_read_only": "on",
    "statement_timeout": "10s",  # what was abandoned ends on the server too
    "jit": "off",  # compiling takes longer than any of these queries
    "max_parallel_workers_per_gather": 0,  # as does starting workers
    "random_page_cost": 1.1,  # no disk turns under a read model
}
ANALYSES = msgspec.json.Decoder(tuple[Analysis, ...])
_COLUMNS = [name for name, _ in COLUMNS if name != "words"]  # what there is to search by is in the others too
_NAMES = ", ".join(f'"{name}"' for name in _COLUMNS)

DESCRIBED = f"SELECT {_NAMES}, status, shown, analyses FROM described_images WHERE image_id"
# To plan this takes longer than to carry it out. Told how many ids there are, Postgres thinks a plan for so many better
# than the one it has, every time; what a subquery gives it cannot count.
SOME_IMAGES = f"{DESCRIBED} = ANY (ARRAY(SELECT unnest(%s::uuid[])))"
VERDICT_COLUMNS = (
    'event_id, type, topic, partition, "offset", append_time, request_id, owner, image_id, version, reason'
)
EVENT = "SELECT type, data FROM events WHERE event_id = %s"
VERDICTS = f"SELECT {VERDICT_COLUMNS} FROM events WHERE event_id = ANY(%s)"
# What a request caused later carries its id too; the event it asked for has no cause in the log.
OF_REQUESTS = f"SELECT {VERDICT_COLUMNS} FROM events WHERE request_id = ANY(%s) AND causation_id IS NULL"
OWN_BYTES = """
SELECT DISTINCT ON (owner, sha256) owner, sha256, image_id
FROM images JOIN unnest(%s::text[], %s::text[]) AS asked (owner, sha256) USING (owner, sha256)
WHERE deleted_at IS NULL AND origin <> 'job' ORDER BY owner, sha256, created_at, image_id
"""
# What waits, and the first record of its lane that the projector cannot read.
HELD_UP = """
SELECT topic, partition, "offset" FROM parked WHERE lane = %s AND reason IS NOT NULL ORDER BY "offset" LIMIT 1
"""
PARKED = """
SELECT one.owner, first.topic, first.partition, first."offset"
FROM parked AS one CROSS JOIN LATERAL (
    SELECT topic, partition, "offset" FROM parked WHERE lane = one.lane AND reason IS NOT NULL ORDER BY 3 LIMIT 1
) AS first
WHERE one.event_id = %s
"""
STANDS = "SELECT topic, partition, next_offset FROM projection.offsets JOIN projection.live USING (schema)"


@dataclass(frozen=True, slots=True)
class Parked:
    """An event that waits for a dead letter. Its `owner` is known where it can be read itself."""

    letter: UUID
    owner: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the fold made of an event: `version` where it was accepted, else the reason."""

    event_id: UUID
    type: str
    position: Position
    time: datetime
    request_id: UUID | None
    owner: str | None
    image_id: UUID | None
    version: int | None
    reason: str | None


class ReadModel:
    """Every question raises TryLater while Postgres is down or has no read model yet.

    `grouped` are the algorithms that some analyzer of the house runs; without them no wanted one reads as disabled.
    `schema` is a word in lower case: another read model than the served one.
    """

    def __init__(
        self,
        postgres: str,
        connections: int = 8,
        within: float = QUERY_SECONDS,
        grouped: Iterable[str] | None = None,
        schema: str = SERVED,
    ) -> None:
        self._within = within
        self._pool = AsyncConnectionPool(
            postgres,
            min_size=1,
            max_size=connections,
            timeout=POOL_SECONDS,
            reconnect_timeout=RECONNECT_SECONDS,
            kwargs={
                "autocommit": True,
                "row_factory": dict_row,
                "options": " ".join(f"-c {name}={value}" for name, value in {"search_path": schema, **SESSION}.items()),
            },
            configure=partial(_configure, None if grouped is None else ",".join(sorted(grouped))),
            open=False,
        )
        self._verdicts: Poll[UUID, Verdict] = Poll(self._verdicts_of)
        self._positions: Poll[Position, bool] = Poll(self._reached)
        self._requests: Together[UUID, Verdict] = Together(self._of_requests)
        self._own_bytes: Together[tuple[str, str], UUID] = Together(self._of_same_bytes)
        self._images: Together[UUID, Described] = Together(self._described)

    async def __aenter__(self) -> Self:
        await self._pool.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._pool.close(timeout=1)

    async def rows(
        self, query: str, params: Sequence[Any] | Mapping[str, Any] = (), *, planned: bool = True
    ) -> list[DictRow]:
        """All rows of a query; columns of JSON are left encoded, as bytes.

        What is asked often is planned once for all params; with `planned` False, anew for these ones.
        A query that hangs is abandoned, not cancelled: psycopg's cancelling waits for the same server.
        """
        asking = asyncio.create_task(self._rows(query, params, planned))
        asking.add_done_callback(_forget)
        done, _ = await asyncio.wait((asking,), timeout=self._within)
        if not done:
            raise TryLater(f"Postgres does not answer within {self._within} s")
        return asking.result()

    async def image(self, image_id: UUID) -> Described | None:
        return await self._images.of(image_id)

    async def images(self, image_ids: Sequence[UUID]) -> list[Described]:
        """Those that are there, in the order of their ids."""
        found = await self._described(image_ids) if image_ids else {}
        return [found[image_id] for image_id in image_ids if image_id in found]

    async def of_same_bytes(self, owner: str, sha256: str) -> Described | None:
        """The owner's oldest image with these bytes, deleted ones and those fetched for jobs left out."""
        found = await self._own_bytes.of((owner, sha256))
        return await self.image(found) if found else None

    async def event(self, event_id: UUID) -> Event:
        """An event that the read model has seen."""
        (row,) = await self.rows(EVENT, (event_id,))
        return read(row["type"], row["data"])

    async def of_request(self, request_id: UUID) -> Verdict | None:
        """What became of a request, if the read model has seen its event."""
        return await self._requests.of(request_id)

    async def seen(self, event_id: UUID) -> Verdict | None:
        """The fold's verdict, if the read model has the event by now."""
        return (await self._verdicts_of([event_id])).get(event_id)

    async def verdict(self, event_id: UUID, within: float) -> Verdict | None:
        """The fold's verdict, as soon as the read model has the event; None if it has not within so many seconds."""
        return await self._verdicts.wait(event_id, within)

    async def parked(self, event_id: UUID) -> Parked | None:
        """What an event waits for that the read model has come past."""
        for row in await self.rows(PARKED, (event_id,)):
            return Parked(_letter(row), row["owner"])
        return None

    async def held_up(self, topic: str, partition: int, key: str) -> UUID | None:
        """The dead letter that the events of a key wait for."""
        for row in await self.rows(HELD_UP, (ids.lane(topic, partition, key.encode()),)):
            return _letter(row)
        return None

    async def reached(self, end: Position, within: float) -> bool:
        """Whether the read model comes to hold everything before `end` within so many seconds."""
        return bool(await self._positions.wait(end, within))

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[AsyncConnection[DictRow]]:
        try:
            async with self._pool.connection() as connection:
                yield connection
        except (OperationalError, PoolTimeout) as error:
            raise TryLater(f"Postgres does not answer: {error}") from error
        except (UndefinedTable, InvalidSchemaName) as error:
            raise TryLater("there is no read model yet: the projector makes it") from error

    async def _rows(self, query: str, params: Sequence[Any] | Mapping[str, Any], planned: bool) -> list[DictRow]:
        async with self._connection() as connection:
            prepare = None if planned else False
            return await (await connection.execute(query.encode(), params, prepare=prepare)).fetchall()

    async def _verdicts_of(self, event_ids: Collection[UUID]) -> dict[UUID, Verdict]:
        found = map(_verdict, await self.rows(VERDICTS, (list(event_ids),)))
        return {verdict.event_id: verdict for verdict in found}

    async def _of_requests(self, request_ids: Collection[UUID]) -> dict[UUID, Verdict]:
        found = map(_verdict, await self.rows(OF_REQUESTS, (list(request_ids),)))
        return {verdict.request_id: verdict for verdict in found if verdict.request_id}

    async def _described(self, image_ids: Collection[UUID]) -> dict[UUID, Described]:
        rows = await self.rows(SOME_IMAGES, (list(image_ids),))
        return {row["image_id"]: described(row) for row in rows}

    async def _of_same_bytes(self, asked: Collection[tuple[str, str]]) -> dict[tuple[str, str], UUID]:
        owners, hashes = zip(*asked, strict=True)
        found = await self.rows(OWN_BYTES, (list(owners), list(hashes)))
        return {(row["owner"], row["sha256"]): row["image_id"] for row in found}

    async def _reached(self, ends: Collection[Position]) -> dict[Position, bool]:
        stands = {(row["topic"], row["partition"]): row["next_offset"] for row in await self.rows(STANDS)}
        return {end: True for end in ends if stands.get((end.topic, end.partition), 0) >= end.offset}


def described(row: DictRow) -> Described:
    """A row of the view `described_images`."""
    at = placed([row[name] for name in _COLUMNS])
    return Described(
        image=at.state,
        position=at.position,
        status=row["status"],
        analyses=ANALYSES.decode(row["analyses"]),
        shown=row["shown"],
    )


def _letter(row: DictRow) -> UUID:
    return ids.buried(PROJECTOR, row["topic"], row["partition"], row["offset"])


def _verdict(row: DictRow) -> Verdict:
    at = Position(row.pop("topic"), row.pop("partition"), row.pop("offset"))
    return Verdict(position=at, time=row.pop("append_time"), **row)


async def _configure(grouped: str | None, connection: AsyncConnection[DictRow]) -> None:
    """JSON stays encoded; and the views are told what they cannot know (contracts/read_model/views.sql)."""
    set_json_loads(lambda encoded: encoded, connection)
    if grouped is not None:
        await connection.execute("SELECT set_config('framelog.grouped', %s, false)", (grouped,))


def _forget(abandoned: asyncio.Task[Any]) -> None:
    """Nobody waits for it any more: take its error, so that none is reported as never retrieved."""
    if not abandoned.cancelled():
        abandoned.exception()
