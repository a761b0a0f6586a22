"""The log as the read model shows it: what came after a position, and what became of what asked for a callback."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from uuid import UUID

from adapters.fresh import Fresh
from adapters.read_model import ReadModel
from contracts import ids, jobs
from contracts.codec import read
from contracts.jobs import Job
from contracts.resources.images import Described
from contracts.topics import ANALYSES, DEAD_LETTERS, DELIVERIES, IMAGES
from services.notifier.owed import Asked, Ended

Cursor = dict[tuple[str, int], int]
"""Topic and partition → the offset that comes next."""

FOLLOWED = (IMAGES, ANALYSES, DEAD_LETTERS)
AT_ONCE = 500
BEGINNING: Cursor = {(topic.name, number): 0 for topic in FOLLOWED for number in range(topic.partitions)}

# One writer per partition makes its rows visible in the order of their offsets: nothing comes later below the last one.
# What was parked comes into sight where it was let go, all of it at one position.
NEXT = f"""
SELECT at.topic, at.partition, event."offset",
    CASE WHEN event.topic = '{IMAGES.name}' THEN event.event_id ELSE event.causation_id END AS cause
FROM unnest(%s::text[], %s::int[], %s::bigint[]) AS at (topic, partition, next_offset)
CROSS JOIN LATERAL (
    (SELECT topic, event_id, causation_id, "offset" FROM events
    WHERE events.topic = at.topic AND events.partition = at.partition AND events."offset" >= at.next_offset
    ORDER BY "offset" LIMIT {AT_ONCE})
    UNION ALL
    (SELECT events.topic, event_id, causation_id, released."offset" FROM released JOIN events USING (event_id)
    WHERE released.topic = at.topic AND released.partition = at.partition AND released."offset" >= at.next_offset
    ORDER BY released."offset" FETCH FIRST {AT_ONCE} ROWS WITH TIES)
    ORDER BY "offset" FETCH FIRST {AT_ONCE} ROWS WITH TIES
) AS event
"""
ASKED = """
SELECT event_id, causation_id, type, data, append_time, "offset", traceparent FROM events
WHERE event_id = ANY(%s) AND accepted AND jsonb_typeof(data -> 'callback') = 'object'
  AND type = ANY('{framelog.analysis.requested.v1,framelog.image.uploaded.v1,framelog.fetch.failed.v1}')
"""
ATTEMPTS = "SELECT cause, algorithm_group, started_at FROM attempts WHERE cause = ANY(%s) AND state <> 'running'"
OUTCOMES = "SELECT event_id, type, data, append_time, traceparent FROM events WHERE event_id = ANY(%s)"
LIFE = """
SELECT event_id, type, data, append_time FROM events
WHERE image_id = %s AND topic = %s AND accepted AND "offset" <= %s ORDER BY "offset"
"""
# What has been told is not told again, though the projector cannot come to the end of it yet.
ENDED = """
SELECT delivery FROM deliveries WHERE delivery = ANY(%(ids)s)
UNION SELECT event_id FROM parked WHERE event_id = ANY(%(ids)s)
"""


@dataclass(frozen=True, slots=True)
class News:
    """`causes` are the events that may have asked for a callback, or whose outcome has come."""

    cursor: Cursor
    causes: list[UUID]


class Feed:
    """Raises TryLater while Postgres is down."""

    def __init__(self, read_model: ReadModel, fresh: Fresh) -> None:
        self._read_model = read_model
        self._fresh = fresh

    async def after(self, cursor: Cursor) -> News:
        topics, partitions = zip(*cursor, strict=True)
        found = await self._read_model.rows(NEXT, (list(topics), list(partitions), list(cursor.values())))
        ends = {(row["topic"], row["partition"]): row["offset"] + 1 for row in found}
        return News(cursor | ends, list({row["cause"] for row in found if row["cause"]}))

    async def asked(self, causes: Collection[UUID]) -> list[Asked]:
        """Those of some events that want a callback, and that the log has accepted."""
        return [
            Asked(
                event_id=row["event_id"],
                request=row["causation_id"] or row["event_id"],
                event=read(row["type"], row["data"]),
                offset=row["offset"],
                time=row["append_time"],
                traceparent=row["traceparent"],
            )
            for row in await self._read_model.rows(ASKED, (list(causes),))
        ]

    async def ended(self, causes: Collection[UUID]) -> Mapping[UUID, list[Ended]]:
        """What the algorithm groups have made of some events so far."""
        attempts = await self._read_model.rows(ATTEMPTS, (list(causes),))
        started = {ids.outcome(row["cause"], row["algorithm_group"]): row["started_at"] for row in attempts}
        found: dict[UUID, list[Ended]] = defaultdict(list)
        for row in await self._read_model.rows(OUTCOMES, (list(started),)):
            event = read(row["type"], row["data"])
            at = started[row["event_id"]]
            found[event.cause].append(
                Ended(
                    outcome=row["event_id"],
                    event=event,
                    started_at=at,
                    time=row["append_time"],
                    traceparent=row["traceparent"],
                )
            )
        return found

    async def job(self, asked: Asked, job_id: UUID) -> Job:
        """A job as the event that asked left it."""
        job: Job | None = None
        for row in await self._read_model.rows(LIFE, (asked.event.image_id, IMAGES.name, asked.offset)):
            event = read(row["type"], row["data"])
            if jobs.job_of(row["event_id"], event) == job_id:
                job = jobs.apply(job, row["event_id"], event, row["append_time"])
        assert job is not None  # its first event comes before the one that asked, in the same partition
        return job

    async def image(self, image_id: UUID) -> Described:
        found = await self._read_model.image(image_id)
        assert found is not None  # its upload has been read
        return found

    async def delivered(self, deliveries: Collection[UUID]) -> set[UUID]:
        """Those of some deliveries that have ended: asked of all that the log holds now.

        Raises Problem `behind` if the read model is over 5 s away from it.
        """
        await self._fresh.all_settled(DELIVERIES)
        return {row["delivery"] for row in await self._read_model.rows(ENDED, {"ids": list(deliveries)})}
