"""Writes of images: a write never says more than the log will."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from purgatory import AsyncCircuitBreakerFactory
from purgatory.domain.model import OpenedState

from adapters import life
from adapters.fresh import Fresh
from adapters.read_model import ReadModel, Verdict
from contracts import ids, images
from contracts.events import Rejected, TryLater
from contracts.images import CallbackTo, Content, Image, ImageEvent
from contracts.permissions import Subject, decide
from contracts.problems import FieldError, Problem, invalid
from contracts.resources.images import Described, just_created
from services.ingest.commands_images import Upload, receive
from services.ingest.proposals import Pending, Proposals, Request, or_pending, reused

GLANCE_SECONDS = 1.0
REJECTED = {
    "version-mismatch": ("version-mismatch", "it is not at the version you sent in If-Match; read it again"),
    "image-deleted": ("not-found", "the image is deleted; restore it first"),
    "image-not-found": ("not-found", "there is no such image"),
    "image-not-deleted": ("image-not-deleted", "the image is not deleted"),
    "image-exists": ("idempotency-key-reuse", "an image was made by this request already"),
}
"""The fold's reason → the slug of the problem that a client is told, and in which words."""


Keep = Callable[[], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Stored:
    """An accepted write: the image as that event left it. `created` is False where it was there before."""

    described: Described
    created: bool = False


class Writer:
    """Raises Problem for every no, TryLater while the log or the read model is down."""

    def __init__(self, proposals: Proposals, read_model: ReadModel, fresh: Fresh) -> None:
        self._proposals = proposals
        self._read_model = read_model
        self._fresh = fresh
        self._breakers = AsyncCircuitBreakerFactory(default_threshold=3, default_ttl=5)

    async def upload(
        self,
        request: Request,
        upload: Upload,
        content: Content,
        keep: Keep,
        reuse: bool = True,
        callback: CallbackTo | None = None,
    ) -> Stored:
        """A new image, or the one this account has of the same bytes. Needs Kafka, and whatever `keep` needs, alone.

        `keep` makes the bytes durable; it is called once nothing can be refused any more, and before the event.
        """
        event_id = ids.requested(request.id, None, upload, content.sha256)
        if request.keyed:
            seen, same = await self._glance(request, content.sha256)
            repeated = _same_request(seen, event_id) if seen else None
            await keep()
            if repeated:
                return Stored(await self._as_left_by(repeated), created=True)
        else:  # nothing can be refused any more
            (_, same), _ = await asyncio.gather(self._glance(request, content.sha256), keep())
        image_id = ids.image(event_id)
        if same and (reuse or same.image.image_id == image_id):
            return Stored(same, created=same.image.image_id == image_id)
        event = receive(upload, content, image_id, request.actor, callback)
        appended = await self._proposals.append(event, event_id, request)
        created = images.apply(None, event, appended.time)
        assert isinstance(created, Image)  # nothing contradicts the first event of an image
        return Stored(just_created(created, appended.position), created=True)

    async def made(self, request: Request) -> Stored | None:
        """The image that this request has made before, if the read model knows it."""
        seen = await self._read_model.of_request(request.id)
        return Stored(await self._as_left_by(seen), created=True) if seen else None

    async def change(
        self,
        request: Request,
        image_id: UUID,
        command: Callable[[Image], ImageEvent],
        fields: Any = None,
        sha256: str | None = None,
        keep: Keep | None = None,
    ) -> Stored | Pending:
        """Propose `command` of the image as it stands, and answer what the log makes of it. `keep` as for uploads."""
        event_id = ids.requested(request.id, request.if_match, [str(image_id), fields], sha256)
        if request.keyed and (seen := await self._read_model.of_request(request.id)):
            return Stored(await self._as_left_by(_same_request(seen, event_id)))
        image = await self.own(request, image_id)
        event = command(image)
        await self._refuse_stale(image, event)
        if keep:
            await keep()
        verdict = await self._proposals.propose(event, event_id, request)
        if isinstance(verdict, Pending):
            return verdict
        described = await or_pending(verdict, self._as_left_by(verdict))
        return described if isinstance(described, Pending) else Stored(described)

    async def own(self, request: Request, image_id: UUID) -> Image:
        """One of one's own images, deleted ones too. Raises Problem for every other."""
        found = await self._fresh.image(image_id)
        verdict = decide(request.who, "change-image", _subject(found)) if found else "hidden"
        if found is None or verdict == "hidden":
            raise Problem("not-found", f"there is no image {image_id}")
        if verdict == "forbidden":
            raise Problem("forbidden", "only its owner changes an image")
        return found.image

    async def at_version(self, request: Request, image_id: UUID, version: int) -> Image:
        """One of one's own images as it was at one of its versions. Raises Problem for what is none of them."""
        now = await self.own(request, image_id)
        if now.version < version:
            found = await self._fresh.newest(image_id)
            now = found.image if found else now
        then = await life.at_version(self._read_model, image_id, version) if version <= now.version else None
        if then is None:
            detail = f"there is no version {version}; the image is at version {now.version}"
            raise invalid(FieldError(pointer="/version", detail=detail))
        return then

    async def _refuse_stale(self, image: Image, event: ImageEvent) -> None:
        """Spare the log a proposal that it would reject; the no is asked of the newest state."""
        if not isinstance(images.apply(image, event, image.updated_at), Rejected):
            return
        newest = await self._fresh.newest(image.image_id)
        rejected = images.apply(newest.image if newest else None, event, image.updated_at)
        if isinstance(rejected, Rejected):
            raise _problem(rejected.reason)

    async def _as_left_by(self, verdict: Verdict) -> Described:
        """The image as one accepted event left it, with its analyses as they are now."""
        if verdict.reason:
            raise _problem(verdict.reason)
        assert verdict.image_id is not None  # every event of an image carries its id
        now = await self._read_model.image(verdict.image_id)
        then = await life.at_offset(self._read_model, verdict.image_id, verdict.position.offset)
        assert now is not None
        assert then is not None  # its event has been accepted
        return now if now.position == verdict.position else replace(now, image=then, position=verdict.position)

    async def _glance(self, request: Request, sha256: str) -> tuple[Verdict | None, Described | None]:
        """What an upload would like to know, if the read model can say so within a second; else nothing."""
        if not request.who.checked:  # Postgres has just not answered
            return None, None
        try:
            async with await self._breakers.get_breaker("read model"):
                async with asyncio.timeout(GLANCE_SECONDS):
                    return await self._ask(request, sha256)
        except (TryLater, TimeoutError, OpenedState):
            return None, None

    async def _ask(self, request: Request, sha256: str) -> tuple[Verdict | None, Described | None]:
        seen = await self._read_model.of_request(request.id) if request.keyed else None
        return seen, None if seen else await self._read_model.of_same_bytes(request.actor, sha256)


def _subject(found: Described) -> Subject:
    return Subject(owner=found.image.owner, public=found.shown)


def _same_request(seen: Verdict, event_id: UUID) -> Verdict:
    if seen.event_id != event_id:
        raise reused()
    return seen


def _problem(reason: str) -> Problem:
    return Problem(*REJECTED[reason])
