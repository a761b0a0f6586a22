"""The table of parked records, as the transactions of the projector ask and change it."""

from collections.abc import Iterable, Sequence
from typing import Any, LiteralString
from uuid import UUID

from psycopg import AsyncConnection

from contracts.events import Position, Undecodable
from contracts.topics import DEAD_LETTERS
from services.projector.parking import Freed, Read, Released, Sieve, again
from services.projector.rows import Parked

AT_ONCE = 500
LOCK = 0x627572696564  # 'buried'

HOLDING = """
WITH at AS (SELECT * FROM unnest(%s::text[], %s::int[], %s::bigint[]) AS at (topic, partition, start))
SELECT DISTINCT lane, NULL::text AS topic, NULL::int AS partition, NULL::bigint AS "offset"
FROM parked JOIN at USING (topic, partition) WHERE reason IS NOT NULL
UNION ALL
SELECT NULL::uuid, topic, partition, "offset"
FROM letters JOIN at USING (topic, partition)
WHERE consumer = 'projector' AND state = 'discarded' AND "offset" >= start
"""
# Nobody has discarded what no read model has found: but another read model may have, before this one came to it.
FREED = f"""
SELECT data ->> 'topic', (data ->> 'partition')::int, (data ->> 'offset')::bigint, partition, "offset", append_time
FROM events
WHERE topic = '{DEAD_LETTERS.name}' AND type = 'framelog.record.discarded.v1' AND accepted
  AND data ->> 'consumer' = 'projector'
"""
# Who writes to the rows of a partition holds the row of its position: its owner by the step it makes, others by this.
TURN = """
INSERT INTO projection.offsets AS theirs (schema, topic, partition) VALUES (%s, %s, %s)
ON CONFLICT (schema, topic, partition) DO UPDATE SET epoch = theirs.epoch
"""
ONE = 'SELECT record FROM parked WHERE (topic, partition, "offset") = (%s, %s, %s) AND reason IS NOT NULL'
LEAVE_OUT = 'DELETE FROM parked WHERE (topic, partition, "offset") = (%s, %s, %s)'
READABLE = """
UPDATE parked SET reason = NULL, event_id = %s, owner = %s WHERE (topic, partition, "offset") = (%s, %s, %s)
"""
UNREADABLE = 'UPDATE parked SET reason = %s WHERE (topic, partition, "offset") = (%s, %s, %s)'
FRONT = """
SELECT record FROM parked
WHERE lane = %(lane)s AND "offset" < coalesce(
    (SELECT min("offset") FROM parked WHERE lane = %(lane)s AND reason IS NOT NULL), 9223372036854775807)
ORDER BY "offset" LIMIT %(limit)s
"""
PASS = 'DELETE FROM parked WHERE lane = %s AND "offset" <= %s'
SIGHT = 'INSERT INTO released (event_id, topic, partition, "offset") VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING'
UNBURIED = """
SELECT one.topic, one.partition, one."offset" FROM parked AS one
WHERE one.reason IS NOT NULL AND NOT EXISTS (
    SELECT FROM letters WHERE consumer = 'projector'
      AND (letters.topic, letters.partition, letters."offset") = (one.topic, one.partition, one."offset"))
"""
ALONE = "SELECT pg_try_advisory_lock(%s)"


class Waiting:
    """Records that wait in one schema. All but `freed` and `unburied` belong into a transaction of the projector's."""

    def __init__(self, connection: AsyncConnection[Any], schema: str) -> None:
        self._connection = connection
        self._schema = schema

    async def sieve(self, steps: Iterable[tuple[str, int, int]]) -> Sieve:
        """For records of some partitions from an offset on. Asked once the step is made, so that nobody else lets
        anything of them go meanwhile."""
        found = await self._rows(HOLDING, [list(column) for column in zip(*steps, strict=True)])
        held = [held for held, *_ in found if held]
        return Sieve(held, {Position(*at) for held, *at in found if held is None})

    async def freed(self) -> dict[Position, Freed]:
        """All that people have discarded for the projector."""
        return {
            Position(*row[:3]): Freed(Position(DEAD_LETTERS.name, *row[3:5]), row[5])
            for row in await self._rows(FREED, ())
        }

    async def turn(self, at: Position) -> None:
        """Wait until nobody else writes to the rows of a partition; nobody does until the transaction ends."""
        await self._connection.execute(TURN, (self._schema, at.topic, at.partition))

    async def leave_out(self, at: Position) -> None:
        await self._connection.execute(LEAVE_OUT, (at.topic, at.partition, at.offset))

    async def read_again(self, at: Position) -> None:
        """What can be read by now only waits for what comes before it."""
        encoded = await self.record(at)
        if encoded and not isinstance(said := again(encoded).said, Undecodable):
            place = (at.topic, at.partition, at.offset)
            await self._connection.execute(READABLE, (said.row.event_id, said.row.owner, *place))

    async def front(self, lane: UUID) -> list[Read]:
        """The first of a lane that nothing holds up any more."""
        return [again(encoded) for (encoded,) in await self._rows(FRONT, {"lane": lane, "limit": AT_ONCE})]

    async def go_past(self, lane: UUID, offset: int, stuck: Sequence[Parked]) -> None:
        """All up to an offset waits no more; but for what the code as it is now cannot read, and what is behind it."""
        await self._connection.execute(PASS, (lane, stuck[0].position.offset - 1 if stuck else offset))
        for one in stuck[:1]:
            at = one.position
            await self._connection.execute(UNREADABLE, (one.reason, at.topic, at.partition, at.offset))

    async def sight(self, released: Sequence[Released]) -> None:
        if released:
            async with self._connection.cursor() as cursor:
                rows = [(one.event_id, one.at.topic, one.at.partition, one.at.offset) for one in released]
                await cursor.executemany(SIGHT, rows)

    async def unburied(self) -> list[Position]:
        """Where something waits that can not be read and has no dead letter."""
        return [Position(*at) for at in await self._rows(UNBURIED, ())]

    async def record(self, at: Position) -> bytes | None:
        """What waits there and cannot be read, encoded."""
        found = await self._rows(ONE, (at.topic, at.partition, at.offset))
        return found[0][0] if found else None

    async def alone(self) -> bool:
        """Whether no other connection has asked this and been told so; until this one is closed."""
        ((locked,),) = await self._rows(ALONE, (LOCK,))
        return bool(locked)

    async def _rows(self, query: LiteralString, params: Any) -> list[tuple[Any, ...]]:
        return await (await self._connection.execute(query, params)).fetchall()
