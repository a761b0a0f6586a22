"""Commands on jobs: what is asked for becomes the event that proposes it. Pure."""

from uuid import UUID

from contracts.images import AnalysisRequested, FetchRequested, Image, Wanted
from contracts.jobs import Job


def analyze(image: Image, wanted: Wanted, actor: str, retry_of: UUID | None = None) -> AnalysisRequested:
    """The image as it is, by one algorithm."""
    return AnalysisRequested(
        image_id=image.image_id,
        owner=image.owner,
        actor=actor,
        content=image.content,
        wanted=(wanted,),
        retry_of=retry_of,
    )


def fetch_again(job: Job, actor: str) -> FetchRequested:
    """Once more what a job could not have."""
    return FetchRequested(
        image_id=job.image_id,
        owner=job.owner,
        actor=actor,
        url=job.url or "",
        origin="job",
        wanted=(job.algorithm,) if job.algorithm else (),
        algorithm=job.algorithm,
        retry_of=job.job_id,
    )
