"""What became of an event that somebody asked for."""

import asyncio
from uuid import UUID

from adapters.fresh import Fresh
from adapters.read_model import Parked, ReadModel, Verdict
from contracts.events import Json
from contracts.permissions import Principal
from contracts.problems import Problem
from contracts.resources.images import time
from contracts.topics import TOPICS

SOON = 1.0
"""Seconds to wait for the read model; after them an event that it has not seen is pending."""
WRITTEN = tuple(topic for topic in TOPICS if "ingest" in topic.producers)
"""Where the event of a request may lie."""


async def verdict_json(read_model: ReadModel, fresh: Fresh, event_id: UUID, who: Principal) -> dict[str, Json]:
    """Raises the Problem `not-found` where the log as of now has no such event, or it is another's."""
    if found := await _verdict(read_model, event_id, who):
        return found
    caught_up = await _caught_up(fresh)
    if found := await _verdict(read_model, event_id, who):
        return found
    if parked := await read_model.parked(event_id):
        return _parked(event_id, parked, who)
    if caught_up:
        raise Problem("not-found", f"There is no event {event_id}.")
    return {"event_id": event_id, "status": "pending", "reason": None}


def _parked(event_id: UUID, parked: Parked, who: Principal) -> dict[str, Json]:
    """Whose it is cannot be told of an event that nobody can read; its id tells only who has sent it."""
    if parked.owner not in (None, who.account):
        raise Problem("not-found", f"There is no event {event_id}.")
    return {"event_id": event_id, "status": "pending", "reason": "parked", "dead_letter": parked.letter}


async def _caught_up(fresh: Fresh) -> bool:
    """Whether the read model comes to hold every request that the log holds now."""
    return all(await asyncio.gather(*(fresh.caught_up(topic, SOON) for topic in WRITTEN)))


async def _verdict(read_model: ReadModel, event_id: UUID, who: Principal) -> dict[str, Json] | None:
    found = await read_model.seen(event_id)
    return _shown(found) if found and found.owner == who.account else None


def _shown(verdict: Verdict) -> dict[str, Json]:
    return {
        "event_id": verdict.event_id,
        "status": "accepted" if verdict.reason is None else "rejected",
        "reason": verdict.reason,
        "type": verdict.type,
        "time": time(verdict.time),
        "position": str(verdict.position),
        "image_id": verdict.image_id,
        "version": verdict.version,
        "request_id": verdict.request_id,
    }
