"""Commands on jobs: what is asked for becomes the event that proposes it. Pure."""

from uuid import UUID

from msgspec.structs import replace

from contracts.images import AnalysisRequested, CallbackTo, FetchRequested, Image, Wanted
from contracts.reanalysis import ReanalysisRequested
from services.ingest.commands_images import Upload


def analyze(
    image: Image,
    wanted: tuple[Wanted, ...],
    actor: str,
    callback: CallbackTo | None = None,
    retry_of: UUID | None = None,
) -> AnalysisRequested:
    """The image as it is, by some algorithms."""
    return AnalysisRequested(
        image_id=image.image_id,
        owner=image.owner,
        actor=actor,
        content=image.content,
        wanted=wanted,
        retry_of=retry_of,
        callback=callback,
    )


def reanalyze(image: Image, campaign: str, wanted: tuple[Wanted, ...], actor: str) -> ReanalysisRequested:
    """The same, on the low lane."""
    return ReanalysisRequested(
        image_id=image.image_id,
        owner=image.owner,
        actor=actor,
        campaign=campaign,
        content=image.content,
        wanted=wanted,
    )


def fetch(
    upload: Upload, url: str, image_id: UUID, owner: str, algorithm: Wanted | None, callback: CallbackTo | None
) -> FetchRequested:
    """A picture from elsewhere: for a job, if an algorithm is named, else as an image like others."""
    return FetchRequested(
        image_id=image_id,
        owner=owner,
        actor=owner,
        url=url,
        origin="job" if algorithm else "url",
        filename=upload.filename or None,
        title=upload.title,
        description=upload.description,
        tags=upload.tags,
        visibility=upload.visibility,
        wanted=(algorithm,) if algorithm else upload.wanted,
        algorithm=algorithm,
        callback=callback,
    )


def fetch_again(first: FetchRequested, job_id: UUID, actor: str) -> FetchRequested:
    """Once more what a job could not have, as it was first asked for."""
    return replace(first, retry_of=job_id, actor=actor)
