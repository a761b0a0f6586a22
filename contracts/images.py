"""Topic `framelog.images`: the life of an image. The first acceptable proposal in offset order counts."""

from datetime import datetime
from typing import Annotated, Literal, TypedDict, assert_never
from uuid import UUID

from msgspec import Meta, Struct
from msgspec.structs import replace

from contracts.events import Bytes, Line, Params, Pixels, Rejected, Sha256, Slug, Text, Version

Tags = Annotated[tuple[Slug, ...], Meta(max_length=100)]
Filename = Annotated[str, Meta(min_length=1, max_length=255)]

Visibility = Literal["private", "public"]
Origin = Literal["upload", "url", "job"]


class Content(Struct, frozen=True, kw_only=True):
    """The bytes of an image. Dimensions are upright pixels, read from the header; `sha256` is lower-case hex."""

    sha256: Sha256
    size: Bytes
    media_type: Slug
    storage_key: Line
    width: Pixels
    height: Pixels


class Wanted(Struct, frozen=True, kw_only=True):
    """An analysis that the event asks for: an algorithm, and the params it must be run with."""

    algorithm: Slug
    params: Params = {}


class CallbackTo(Struct, frozen=True, kw_only=True):
    """Where the outcome of an event is to be reported. The token is sealed, never in clear."""

    url: Text
    sealed_token: Text | None = None


class Changes(TypedDict, total=False):
    """A merge patch: an absent field stays, `None` clears."""

    title: Line | None
    description: Text | None
    tags: Tags
    visibility: Visibility
    filename: Filename


class ImageUploaded(Struct, frozen=True, kw_only=True):
    """An image began: the first event of its id."""

    image_id: UUID
    owner: Slug
    actor: Slug
    content: Content
    filename: Filename
    title: Line | None = None
    description: Text | None = None
    tags: Tags = ()
    visibility: Visibility = "private"
    origin: Origin = "upload"
    wanted: tuple[Wanted, ...] = ()
    callback: CallbackTo | None = None
    job: UUID | None = None
    """The job that the picture was fetched for."""


class ImageUpdated(Struct, frozen=True, kw_only=True):
    """`content` is what is to be analysed; it becomes the image's own only where `replaces_content` says so.

    `reverts_to` is the version that it makes again, where it does: everything that was of that version is in it.
    """

    image_id: UUID
    owner: Slug
    actor: Slug
    expected_version: Version | None
    changes: Changes
    content: Content
    replaces_content: bool
    wanted: tuple[Wanted, ...] = ()
    reverts_to: Version | None = None


class ImageDeleted(Struct, frozen=True, kw_only=True):
    """The image is gone for everyone; its owner can restore it."""

    image_id: UUID
    owner: Slug
    actor: Slug
    expected_version: Version | None


class ImageRestored(Struct, frozen=True, kw_only=True):
    """A deleted image is back as it was."""

    image_id: UUID
    owner: Slug
    actor: Slug


class AnalysisRequested(Struct, frozen=True, kw_only=True):
    """An image is to be analysed as it is. It starts the job of its own event id, or is one more try at `retry_of`."""

    image_id: UUID
    owner: Slug
    actor: Slug
    content: Content
    wanted: tuple[Wanted, ...]
    retry_of: UUID | None = None
    callback: CallbackTo | None = None


class FetchRequested(Struct, frozen=True, kw_only=True):
    """A picture is to be downloaded and become the image of this id, which nobody sees before.

    It starts the job of its own event id, or is one more try at `retry_of`. `algorithm` is what the job is about; None
    where that is the image alone.
    """

    image_id: UUID
    owner: Slug
    actor: Slug
    url: Text
    origin: Origin
    filename: Filename | None = None
    title: Line | None = None
    description: Text | None = None
    tags: Tags = ()
    visibility: Visibility = "private"
    wanted: tuple[Wanted, ...] = ()
    algorithm: Wanted | None = None
    retry_of: UUID | None = None
    callback: CallbackTo | None = None


class FetchFailed(Struct, frozen=True, kw_only=True):
    """The picture could not be had. `type` is the slug of a problem type (`contracts.problems`)."""

    image_id: UUID
    owner: Slug
    job: UUID
    type: Slug
    detail: Text
    callback: CallbackTo | None = None


ImageEvent = (
    ImageUploaded | ImageUpdated | ImageDeleted | ImageRestored | AnalysisRequested | FetchRequested | FetchFailed
)


class Image(Struct, frozen=True, kw_only=True):
    """An image as the log tells it. `version` counts accepted uploads, updates, deletions and restorations."""

    image_id: UUID
    owner: Slug
    version: int
    content: Content
    filename: Filename
    title: Line | None
    description: Text | None
    tags: Tags
    visibility: Visibility
    origin: Origin
    wanted: tuple[Wanted, ...]
    created_at: datetime
    updated_at: datetime
    deleted_at: datetime | None = None


def apply(image: Image | None, event: ImageEvent, time: datetime) -> Image | Rejected | None:
    """Fold one event, appended at `time`, into the image. Pure: the same log gives the same image everywhere.

    None while it is only to be fetched. Rejected reasons: `image-exists`, `image-not-found`, `image-deleted`,
    `image-not-deleted`, `version-mismatch`.
    """
    if image is None:
        return _opened(event, time)
    match event:
        case ImageUploaded() | FetchRequested() | FetchFailed():
            return Rejected("image-exists")
        case AnalysisRequested():
            return Rejected("image-deleted") if image.deleted_at else image
        case ImageUpdated():
            return _refusal(image, event.expected_version) or _updated(image, event, time)
        case ImageDeleted():
            return _refusal(image, event.expected_version) or _next(image, time, deleted_at=time)
        case ImageRestored():
            return _next(image, time, deleted_at=None) if image.deleted_at else Rejected("image-not-deleted")
        case _:
            assert_never(event)


def _opened(event: ImageEvent, time: datetime) -> Image | Rejected | None:
    match event:
        case ImageUploaded():
            return _created(event, time)
        case FetchRequested() | FetchFailed():
            return None
        case _:
            return Rejected("image-not-found")


def _refusal(image: Image, expected_version: int | None) -> Rejected | None:
    if image.deleted_at:
        return Rejected("image-deleted")
    if expected_version not in (None, image.version):
        return Rejected("version-mismatch")
    return None


def _created(event: ImageUploaded, time: datetime) -> Image:
    return Image(
        image_id=event.image_id,
        owner=event.owner,
        version=1,
        content=event.content,
        filename=event.filename,
        title=event.title,
        description=event.description,
        tags=event.tags,
        visibility=event.visibility,
        origin=event.origin,
        wanted=event.wanted,
        created_at=time,
        updated_at=time,
    )


def _updated(image: Image, event: ImageUpdated, time: datetime) -> Image:
    content = event.content if event.replaces_content else image.content
    return replace(_next(image, time), content=content, wanted=event.wanted, **event.changes)


def _next(image: Image, time: datetime, deleted_at: datetime | None = None) -> Image:
    return replace(image, version=image.version + 1, updated_at=time, deleted_at=deleted_at)
