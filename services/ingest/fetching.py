"""One download per FetchRequested, and one outcome: the picture, or why there is none."""

import logging
from urllib.parse import unquote, urlsplit
from uuid import UUID

from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_attempt, wait_exponential_jitter

from adapters.outbound import NotAllowed, Outbound, OutboundFailed, TooLarge, Unreachable
from adapters.telemetry import about
from adapters.teller import Teller
from contracts import ids
from contracts.codec import Event
from contracts.events import Recorded
from contracts.images import Content, FetchFailed, FetchRequested, ImageUploaded
from contracts.problems import Problem
from services.ingest.receive import Receiver

TRIES = 3

logger = logging.getLogger(__name__)


class Refused(Exception):
    """The server has no picture for us."""


class Fetching:
    """What it is given twice it downloads twice and tells once: the outcome's id follows from the request alone."""

    def __init__(self, teller: Teller, outbound: Outbound, receiver: Receiver, seconds: float) -> None:
        self._teller = teller
        self._outbound = outbound
        self._receiver = receiver
        self._seconds = seconds

    async def handle(self, recorded: Recorded[Event]) -> None:
        """Raises TryLater while the log or object storage is down."""
        asked = recorded.event
        if not isinstance(asked, FetchRequested):
            return
        job = asked.retry_of or recorded.cause.event_id
        outcome = await self._outcome(asked, job)
        await self._teller.tell(outcome, ids.fetched(recorded.cause.event_id), recorded.cause)
        logger.info("fetched", extra=_line(recorded, outcome))

    async def _outcome(self, asked: FetchRequested, job: UUID) -> ImageUploaded | FetchFailed:
        """What may pass is tried a few times; the picture is durable when it is told."""
        tries = AsyncRetrying(
            retry=retry_if_exception_type(Unreachable),
            wait=wait_exponential_jitter(initial=0.5, max=5),
            stop=stop_after_attempt(TRIES),
            reraise=True,
        )
        try:
            return await tries(self._fetched, asked, job)
        except NotAllowed as error:
            return failed(asked, job, "url-not-allowed", str(error))
        except TooLarge as error:
            return failed(asked, job, "too-large", str(error))
        except (OutboundFailed, Refused) as error:
            return failed(asked, job, "fetch-failed", str(error))
        except Problem as problem:
            return failed(asked, job, problem.type.slug, problem.detail)

    async def _fetched(self, asked: FetchRequested, job: UUID) -> ImageUploaded:
        limit = self._receiver.limits.bytes
        async with self._outbound.get(asked.url, limit, self._seconds) as download:
            if download.status != 200:
                raise Refused(f"the server answers {download.status}")
            async with self._receiver.take(download.chunks(), asked.filename or name_in(asked.url)) as received:
                await received.keep()
                return uploaded(asked, job, received.content, received.filename)


def uploaded(asked: FetchRequested, job: UUID, content: Content, filename: str) -> ImageUploaded:
    """The image begins as it was asked for."""
    return ImageUploaded(
        image_id=asked.image_id,
        owner=asked.owner,
        actor=asked.actor,
        content=content,
        filename=filename,
        title=asked.title,
        description=asked.description,
        tags=asked.tags,
        visibility=asked.visibility,
        origin=asked.origin,
        wanted=asked.wanted,
        callback=asked.callback,
        job=job,
    )


def failed(asked: FetchRequested, job: UUID, type_: str, detail: str) -> FetchFailed:
    return FetchFailed(
        image_id=asked.image_id, owner=asked.owner, job=job, type=type_, detail=detail[:2_000], callback=asked.callback
    )


def name_in(url: str) -> str:
    """The last part of its path."""
    return unquote(urlsplit(url).path.rpartition("/")[2])


def _line(recorded: Recorded[FetchRequested], outcome: ImageUploaded | FetchFailed) -> dict[str, object]:
    """Never the address: it may hold a secret."""
    cause = recorded.cause
    return {
        **about(cause.event_id, recorded.type, recorded.event.image_id, recorded.position, cause.traceparent),
        "failure": outcome.type if isinstance(outcome, FetchFailed) else None,
    }
