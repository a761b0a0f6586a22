"""An image as it was at some time: its own events up to then, and what analyzers had told by then."""

import asyncio
from collections.abc import Collection
from datetime import datetime
from typing import Annotated
from urllib.parse import quote
from uuid import UUID

import msgspec
from fastapi import Query

from adapters import life
from adapters.read_model import ANALYSES as ANALYSES_OF
from contracts.events import Json
from contracts.images import Image
from contracts.permissions import Principal
from contracts.problems import FieldError, Problem, invalid
from contracts.read_model.placed import Placed
from contracts.resources.images import Analysis, Described, Status, time
from contracts.topics import ALGORITHMS, ANALYSES, IMAGES
from services.query.filters import Time
from services.query.looking import kept
from services.query.parts import Reading

AsOf = Annotated[Time | None, Query(description="as it was at this time: RFC 3339, or a day's beginning")]

# The view `wanted_analyses` as it would have been: what was found, begun, ended or promoted later had not been yet.
KNOWN = f"""
SELECT coalesce(json_agg(to_json(known) ORDER BY known.position), '[]') AS analyses FROM (
    SELECT
        wanted.position,
        wanted.algorithm,
        wanted.params,
        fact.version,
        fact.completed_at,
        fact.result,
        CASE
            WHEN fact.version IS NOT NULL THEN 'completed'
            WHEN coalesce(attempt.state, 'running') = 'running' AND wanted.disabled THEN 'failed'
            ELSE coalesce(replace(attempt.state, 'completed', 'failed'), 'queued')
        END AS status,
        CASE
            WHEN fact.version IS NULL AND coalesce(attempt.state, 'running') = 'running' AND wanted.disabled
            THEN '{{"type": "algorithm-disabled", "detail": "no group of FRAMELOG_ALGORITHM_GROUPS runs it"}}'
            WHEN fact.version IS NULL THEN attempt.failure
        END AS failure,
        attempt.attempts
    FROM (
        SELECT
            row_number() OVER () AS position, one ->> 'algorithm' AS algorithm, one -> 'params' AS params,
            one ->> 'algorithm' <> ALL (string_to_array(current_setting('framelog.grouped', true), ',')) AS disabled
        FROM jsonb_array_elements(%(wanted)s::jsonb) AS one
    ) AS wanted
    LEFT JOIN LATERAL (
        SELECT version, completed_at, result FROM facts
        WHERE image_id = %(image_id)s AND sha256 = %(sha256)s
          AND algorithm = wanted.algorithm AND params = wanted.params AND completed_at <= %(time)s
        ORDER BY version = (
            SELECT (promoted.data ->> 'version')::int FROM events AS promoted
            WHERE promoted.topic = '{ALGORITHMS.name}' AND promoted.accepted AND promoted.append_time <= %(time)s
              AND promoted.data ->> 'algorithm' = wanted.algorithm
            ORDER BY promoted."offset" DESC LIMIT 1
        ) DESC NULLS LAST, version DESC
        LIMIT 1
    ) AS fact ON true
    LEFT JOIN LATERAL (
        SELECT
            CASE WHEN attempted.finished_at <= %(time)s THEN attempted.state
                 WHEN attempted.started_at <= %(time)s THEN 'running' END AS state,
            CASE WHEN attempted.finished_at <= %(time)s THEN (
                SELECT one FROM jsonb_array_elements(attempted.failures) AS one
                WHERE one ->> 'algorithm' = wanted.algorithm LIMIT 1) END AS failure,
            (SELECT count(*) FROM attempts AS every
             WHERE every.image_id = %(image_id)s AND wanted.algorithm = ANY (every.algorithms)
               AND least(every.started_at, every.finished_at) <= %(time)s) AS attempts
        FROM events AS cause
        LEFT JOIN attempts AS attempted
            ON attempted.cause = cause.event_id AND wanted.algorithm = ANY (attempted.algorithms)
        WHERE fact.version IS NULL
          AND cause.image_id = %(image_id)s AND cause.topic = '{IMAGES.name}' AND cause.accepted
          AND cause.append_time <= %(time)s
          AND EXISTS (
              SELECT FROM jsonb_array_elements(cause.data -> 'wanted') AS same
              WHERE same ->> 'algorithm' = wanted.algorithm AND same -> 'params' = wanted.params)
        ORDER BY cause."offset" DESC
        LIMIT 1
    ) AS attempt ON true
) AS known
"""


async def image_as_of(parts: Reading, image_id: UUID, who: Principal, at: datetime) -> Described:
    """One of one's own images as it was, deleted since or not; nobody else is told of the past.

    Raises the Problems `not-found`, also for what had not begun or was deleted then, `forbidden`, `invalid-request` for
    a time to come, and `behind`.
    """
    image = await kept(parts, image_id, who)
    if at > max(parts.now(), image.image.updated_at):
        raise invalid(FieldError(pointer="/query/as_of", detail="lies in the future; the past has been, till now"))
    await asyncio.gather(*(parts.fresh.settled(topic, str(image_id)) for topic in (IMAGES, ANALYSES)))
    then = await life.at_time(parts.read_model, image_id, at)
    if then is None:
        raise Problem("not-found", f"There was no image {image_id} yet at {time(at)}.")
    if then.state.deleted_at:
        raise Problem("not-found", f"The image {image_id} was deleted at {time(at)}.")
    return await _described(parts, then, at)


def content_then(image: Described, at: datetime) -> dict[str, Json]:
    """The field of an image's JSON that leads to its bytes, where it may have others by now."""
    return {"content_url": f"/v1/images/{image.image.image_id}/content?as_of={quote(at.isoformat())}"}


async def _described(parts: Reading, then: Placed[Image], at: datetime) -> Described:
    image = then.state
    asked = {
        "image_id": image.image_id,
        "sha256": image.content.sha256,
        "wanted": msgspec.json.encode(image.wanted).decode(),
        "time": at,
    }
    (row,) = await parts.read_model.rows(KNOWN, asked)
    analyses = ANALYSES_OF.decode(row["analyses"])
    return Described(image=image, position=then.position, status=_status(analyses), analyses=analyses)


def _status(analyses: Collection[Analysis]) -> Status:
    """One word for all of them, as the view `described_images` has it."""
    found = {one.status for one in analyses}
    if found <= {"completed"}:
        return "completed"
    if found <= {"queued"}:
        return "queued"
    if found & {"queued", "running"}:
        return "running"
    return "partial" if "completed" in found else "failed"
