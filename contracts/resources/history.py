"""The history of an image as the API shows it: every event, what it changed, or would have changed."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from msgspec import Struct, structs

from contracts import images, posts
from contracts.analyses import AnalysisCompleted, AnalysisEvent, AnalysisFailed, AnalysisStarted, Result
from contracts.events import Json, Position, Rejected
from contracts.images import Content, Image, ImageEvent, ImageUpdated
from contracts.posts import Post, PostDeleted, PostEdited, PostEvent, PostLiked, PostPublished, PostUnliked
from contracts.read_model.params import params_key
from contracts.reanalysis import ReanalysisRequested
from contracts.resources.details import details
from contracts.resources.images import time
from contracts.topics import IMAGES

Fields = dict[str, Json]
FactKey = tuple[str, str, str]
"""SHA-256, algorithm, key of the params."""

SHOWN = ("filename", "title", "description", "tags", "visibility", "deleted_at")
OF_CONTENT = ("sha256", "size", "media_type", "width", "height")
ANALYSES = AnalysisStarted | AnalysisCompleted | AnalysisFailed
POSTS = PostPublished | PostEdited | PostDeleted | PostLiked | PostUnliked


class Lived(Struct, frozen=True, kw_only=True):
    """An event of an image and the fold's verdict: `version` where it was accepted, else the reason."""

    event_id: UUID
    type: str
    time: datetime
    actor: str | None
    position: Position
    version: int | None
    reason: str | None
    event: ImageEvent | AnalysisEvent | PostEvent | ReanalysisRequested


class Promoted(Struct, frozen=True):
    """Since when which version speaks for an algorithm."""

    algorithm: str
    version: int
    since: datetime


@dataclass(slots=True)
class Known:
    """What stood before an event: the image, its posts, and which versions of an algorithm had been found of which
    bytes. And every promotion there ever was, oldest first."""

    image: Image | None = None
    posts: dict[UUID, Post] = field(default_factory=dict)
    versions: dict[FactKey, set[int]] = field(default_factory=dict)
    promoted: Sequence[Promoted] = ()

    def speaking(self, key: FactKey, at: datetime) -> int | None:
        """The version whose result was shown at that time: the one promoted then, else the highest."""
        found = self.versions.get(key)
        if not found:
            return None
        said = (one.version for one in reversed(self.promoted) if one.algorithm == key[1] and one.since <= at)
        promoted = next(said, None)
        return promoted if promoted in found else max(found)

    def live(self, event: ImageEvent | PostEvent, at: datetime) -> None:
        """Go on by an accepted event."""
        if isinstance(event, POSTS):
            post = posts.apply(self.posts.get(event.post_id), None, event, at)
            if isinstance(post, Post):
                self.posts[event.post_id] = post
        else:
            image = images.apply(self.image, event, at)
            self.image = self.image if isinstance(image, Rejected) else image


def history_json(life: Iterable[Lived], known: Known | None = None) -> Iterator[dict[str, Json]]:
    """From the events of one image, oldest first, and what was `known` before the first of them: what is said of each.

    `changes` of a rejected event are what it proposed; those of an analysis are versions of algorithms.
    """
    known = Known() if known is None else known
    for lived in life:
        if isinstance(lived.event, ANALYSES):
            changes = dict(_found(known, lived.event, lived.time))
        elif isinstance(lived.event, ReanalysisRequested):
            changes = {}
        else:
            changes = _changed(known, lived, lived.event)
        yield _entry(lived, changes)


def _changed(known: Known, lived: Lived, event: ImageEvent | PostEvent) -> Fields:
    before = _shown(known, event)
    if lived.reason is not None:
        return _changes(before, before | _proposed(event))
    known.live(event, lived.time)
    return _changes(before, _shown(known, event))


def _found(known: Known, event: AnalysisEvent, at: datetime) -> Iterator[tuple[str, Json]]:
    """By algorithm, the version whose result was shown before and the one that is from now on."""
    for result in event.results if isinstance(event, AnalysisCompleted) else ():
        key = _key(event, result)
        before = known.speaking(key, at)
        known.versions.setdefault(key, set()).add(result.version)
        after = known.speaking(key, at)
        if after != before:
            yield result.algorithm, [before and str(before), str(after)]


def _key(event: AnalysisEvent, result: Result) -> FactKey:
    return event.sha256, result.algorithm, params_key(result.params)


def _changes(before: Fields, after: Fields) -> Fields:
    return {name: [before.get(name), value] for name, value in after.items() if before.get(name) != value}


def _entry(lived: Lived, changes: Fields) -> dict[str, Json]:
    return {
        "event_id": lived.event_id,
        "type": lived.type,
        "time": time(lived.time),
        "actor": lived.actor,
        "position": str(lived.position),
        "version": lived.version if lived.position.topic == IMAGES.name else None,
        "changes": changes,
        "accepted": lived.reason is None,
        "reason": lived.reason,
        "details": details(lived.event_id, lived.event),
    }


def _shown(known: Known, event: ImageEvent | PostEvent) -> Fields:
    """What an event can change, as it stands."""
    if isinstance(event, POSTS):
        post = known.posts.get(event.post_id)
        return {"caption": post.caption, "deleted_at": time(post.deleted_at)} if post else {}
    return _of_image(known.image) if known.image else {}


def _of_image(image: Image) -> Fields:
    fields: Fields = {name: getattr(image, name) for name in SHOWN}
    fields |= {"tags": list(image.tags) or None, "deleted_at": time(image.deleted_at)}
    return fields | _of_content(image.content)


def _proposed(event: ImageEvent | PostEvent) -> Fields:
    match event:
        case PostEdited():
            return {"caption": event.caption}
        case ImageUpdated():
            fields: Fields = dict(event.changes)
            if "tags" in fields:
                fields["tags"] = list(fields["tags"]) or None
            return fields | (_of_content(event.content) if event.replaces_content else {})
        case _:
            return {}


def _of_content(content: Content) -> Fields:
    said = structs.asdict(content)
    return {name: said[name] for name in OF_CONTENT}
