"""The history of an image as the API shows it: every event, what it changed, or would have changed."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from uuid import UUID

from msgspec import Struct, structs

from contracts import images
from contracts.events import Json, Position, Rejected
from contracts.images import Content, Image, ImageEvent, ImageUpdated
from contracts.resources.images import time

Fields = dict[str, Json]

SHOWN = ("filename", "title", "description", "tags", "visibility", "deleted_at")
OF_CONTENT = ("sha256", "size", "media_type", "width", "height")


class Lived(Struct, frozen=True, kw_only=True):
    """An event of an image and the fold's verdict: `version` where it was accepted, else the reason."""

    event_id: UUID
    type: str
    time: datetime
    actor: str | None
    position: Position
    version: int | None
    reason: str | None
    event: ImageEvent


def history_json(life: Iterable[Lived]) -> Iterator[dict[str, Json]]:
    """From all events of one image, oldest first. `changes` of a rejected event are what it proposed."""
    image: Image | None = None
    for lived in life:
        before = _shown(image)
        if lived.reason is None:
            folded = images.apply(image, lived.event, lived.time)
            image = image if isinstance(folded, Rejected) else folded
            after = _shown(image)
        else:
            after = before | _proposed(lived.event)
        yield _entry(lived, _changes(before, after))


def _changes(before: Fields, after: Fields) -> Fields:
    return {name: [before.get(name), value] for name, value in after.items() if before.get(name) != value}


def _entry(lived: Lived, changes: Fields) -> dict[str, Json]:
    return {
        "event_id": lived.event_id,
        "type": lived.type,
        "time": time(lived.time),
        "actor": lived.actor,
        "position": str(lived.position),
        "version": lived.version,
        "changes": changes,
        "accepted": lived.reason is None,
        "reason": lived.reason,
    }


def _shown(image: Image | None) -> Fields:
    if image is None:
        return {}
    fields: Fields = {name: getattr(image, name) for name in SHOWN}
    fields |= {"tags": list(image.tags) or None, "deleted_at": time(image.deleted_at)}
    return fields | _of_content(image.content)


def _proposed(event: ImageEvent) -> Fields:
    if not isinstance(event, ImageUpdated):
        return {}
    fields: Fields = dict(event.changes)
    if "tags" in fields:
        fields["tags"] = list(fields["tags"]) or None
    return fields | (_of_content(event.content) if event.replaces_content else {})


def _of_content(content: Content) -> Fields:
    said = structs.asdict(content)
    return {name: said[name] for name in OF_CONTENT}
