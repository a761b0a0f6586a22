"""Campaigns: an algorithm over images that are there, asked for on the low lane. Asking twice is asking once.

The answer says how far each image is, so whoever runs a campaign asks the same again until all have ended.
"""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

import msgspec
from cachetools import TTLCache
from msgspec import Struct

from adapters.fresh import Fresh
from adapters.read_model import ReadModel
from contracts import ids
from contracts.analyses import Failure
from contracts.events import Position
from contracts.images import Image, Wanted
from contracts.permissions import Principal, decide
from contracts.problems import Problem
from contracts.read_model.images import COLUMNS, placed
from contracts.topics import IMAGES
from services.ingest.commands_jobs import reanalyze
from services.ingest.proposals import Proposals, Request

UNSEEN_SECONDS, MOST_UNSEEN = 600, 100_000
_NAMES = ", ".join(f'"{name}"' for name, _ in COLUMNS)

FOUND = f"SELECT {_NAMES} FROM images WHERE image_id = ANY(%s) AND deleted_at IS NULL"
STANDING = """
SELECT event.event_id, event.image_id, event.topic, event.partition, event."offset", coalesce((
    SELECT json_agg(json_build_object(
        'algorithms', attempt.algorithms, 'failures', attempt.failures, 'ended', attempt.finished_at IS NOT NULL))
    FROM attempts AS attempt WHERE attempt.cause = event.event_id
), '[]') AS attempts
FROM events AS event WHERE event.event_id = ANY(%s)
"""

Status = Literal["queued", "running", "completed", "failed", "gone"]


@dataclass(frozen=True, slots=True)
class Campaign:
    """What it is called, and what it wants of every image."""

    name: str
    wanted: tuple[Wanted, ...]

    @property
    def algorithms(self) -> frozenset[str]:
        return frozenset(one.algorithm for one in self.wanted)

    def asks(self, image_id: UUID) -> UUID:
        """The id of the event that asks for an image."""
        return ids.reanalysis(self.name, image_id, self.algorithms)


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a campaign is with an image. One that is `gone` was deleted, or is nobody's one may ask about."""

    image_id: UUID
    status: Status
    event_id: UUID | None = None
    position: Position | None = None
    failures: tuple[Failure, ...] = ()


class _Attempt(Struct, frozen=True):
    algorithms: frozenset[str]
    failures: tuple[Failure, ...]
    ended: bool


_ATTEMPTS = msgspec.json.Decoder(tuple[_Attempt, ...])


class Campaigns:
    """Raises TryLater while the log or the read model is down."""

    def __init__(self, proposals: Proposals, read_model: ReadModel, fresh: Fresh) -> None:
        self._proposals = proposals
        self._read_model = read_model
        self._fresh = fresh
        self._unseen: TTLCache[UUID, Position] = TTLCache(MOST_UNSEEN, UNSEEN_SECONDS)
        """Asked for here, whether the read model has seen it or not."""

    async def ask(self, campaign: Campaign, images: Sequence[UUID], request: Request) -> list[Standing]:
        """How far each image is, once all that were not yet asked for are. Raises Problem for a key used otherwise."""
        events = {image_id: campaign.asks(image_id) for image_id in images}
        await self._refuse_other(request, events.values())
        found = await self._found(images, request.who)
        seen = await self._seen(campaign, [events[image_id] for image_id in found])
        asked = [self._standing(campaign, image, seen, request) for image in found.values()]
        standing = {one.image_id: one for one in await asyncio.gather(*asked)}
        return [standing.get(image_id) or Standing(image_id, "gone") for image_id in dict.fromkeys(images)]

    async def _refuse_other(self, request: Request, events: Collection[UUID]) -> None:
        made = await self._read_model.of_request(request.id) if request.keyed else None
        if made and made.event_id not in events:
            raise Problem("idempotency-key-reuse", "this key was used for a request with other contents")

    async def _standing(
        self, campaign: Campaign, image: Image, seen: Mapping[UUID, Standing], request: Request
    ) -> Standing:
        event_id = campaign.asks(image.image_id)
        if known := seen.get(event_id):
            return known
        if event_id not in self._unseen:
            event = reanalyze(image, campaign.name, campaign.wanted, request.actor)
            self._unseen[event_id] = (await self._proposals.append(event, event_id, request)).position
        return Standing(image.image_id, "queued", event_id, self._unseen[event_id])

    async def _found(self, images: Sequence[UUID], who: Principal) -> dict[UUID, Image]:
        """Those that may be asked for. What is missing is asked of the newest state."""
        found = await self._images(images)
        if len(found) < len(set(images)):
            await self._fresh.all_settled(IMAGES)
            found = await self._images(images)
        every = decide(who, "administer") == "allowed"
        return {image.image_id: image for image in found if every or image.owner == who.account}

    async def _images(self, images: Sequence[UUID]) -> list[Image]:
        rows = await self._read_model.rows(FOUND, (list(images),))
        return [placed(list(row.values())).state for row in rows]

    async def _seen(self, campaign: Campaign, events: Sequence[UUID]) -> dict[UUID, Standing]:
        rows = await self._read_model.rows(STANDING, (list(events),))
        return {row["event_id"]: _stands(campaign, row) for row in rows}


def _stands(campaign: Campaign, row: Mapping[str, Any]) -> Standing:
    attempts = _ATTEMPTS.decode(row["attempts"])
    ended = {name for one in attempts if one.ended for name in one.algorithms}
    failures = tuple(failure for one in attempts for failure in one.failures)
    status: Status = "running" if attempts else "queued"
    if ended >= campaign.algorithms:
        status = "failed" if failures else "completed"
    at = Position(row["topic"], row["partition"], row["offset"])
    return Standing(row["image_id"], status, row["event_id"], at, failures)
