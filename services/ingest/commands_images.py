"""Commands on images: what a client asks for becomes the event that proposes it. Pure; nothing is saved here."""

from dataclasses import dataclass
from uuid import UUID

from contracts.images import (
    CallbackTo,
    Changes,
    Content,
    Image,
    ImageDeleted,
    ImageRestored,
    ImageUpdated,
    ImageUploaded,
    Visibility,
    Wanted,
)


@dataclass(frozen=True, slots=True)
class AskedBack:
    """Where a client wants to be called back, and with which bearer token. In clear: never put it in an event."""

    url: str
    token: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """What a client says of an image besides its bytes."""

    filename: str
    title: str | None = None
    description: str | None = None
    tags: tuple[str, ...] = ()
    visibility: Visibility = "private"
    wanted: tuple[Wanted, ...] = ()
    callback: AskedBack | None = None


def receive(
    upload: Upload, content: Content, image_id: UUID, owner: str, callback: CallbackTo | None = None
) -> ImageUploaded:
    return ImageUploaded(
        image_id=image_id,
        owner=owner,
        actor=owner,
        content=content,
        filename=upload.filename,
        title=upload.title,
        description=upload.description,
        tags=upload.tags,
        visibility=upload.visibility,
        wanted=upload.wanted,
        callback=callback,
    )


def edit(image: Image, changes: Changes, expected: int | None, actor: str) -> ImageUpdated:
    """Change what is said of an image; it is analysed again, which is free while the bytes are the same."""
    return ImageUpdated(
        image_id=image.image_id,
        owner=image.owner,
        actor=actor,
        expected_version=expected,
        changes=changes,
        content=image.content,
        replaces_content=False,
        wanted=image.wanted,
    )


def replace(image: Image, content: Content, expected: int | None, actor: str) -> ImageUpdated:
    """Give an image other bytes."""
    return ImageUpdated(
        image_id=image.image_id,
        owner=image.owner,
        actor=actor,
        expected_version=expected,
        changes={},
        content=content,
        replaces_content=True,
        wanted=image.wanted,
    )


def revert(image: Image, then: Image, expected: int | None, actor: str) -> ImageUpdated:
    """Make an image what it was `then`, whatever others change at the same time: its words, its file name, its bytes.

    A deleted image is no such state: what it was before is made again.
    """
    return ImageUpdated(
        image_id=image.image_id,
        owner=image.owner,
        actor=actor,
        expected_version=expected,
        changes={
            "title": then.title,
            "description": then.description,
            "tags": then.tags,
            "visibility": then.visibility,
            "filename": then.filename,
        },
        content=then.content,
        replaces_content=True,
        wanted=image.wanted,
        reverts_to=then.version,
    )


def delete(image: Image, expected: int | None, actor: str) -> ImageDeleted:
    return ImageDeleted(image_id=image.image_id, owner=image.owner, actor=actor, expected_version=expected)


def restore(image: Image, actor: str) -> ImageRestored:
    return ImageRestored(image_id=image.image_id, owner=image.owner, actor=actor)
