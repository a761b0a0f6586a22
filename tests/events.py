"""Events as tests need them: complete, valid, and different only where the test says so."""

from datetime import UTC, datetime
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

from contracts import ids
from contracts.analyses import AnalysisCompleted, AnalysisFailed, AnalysisStarted, Failure, Result
from contracts.codec import Event, encode
from contracts.events import Cause, Message, Position, Record, Recorded
from contracts.images import Content, ImageDeleted, ImageRestored, ImageUpdated, ImageUploaded, Wanted

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
WANTED = (Wanted(algorithm="exif"), Wanted(algorithm="hash"))


def uid(name: object) -> UUID:
    """The same name, the same id."""
    return uuid5(NAMESPACE_URL, str(name))


def sha(name: object) -> str:
    return uid(name).hex * 2


def content(name: object = "bytes", **changes: Any) -> Content:
    fields: dict[str, Any] = {
        "sha256": sha(name),
        "size": 1000,
        "media_type": "image/jpeg",
        "storage_key": ids.original_key(sha(name)),
        "width": 400,
        "height": 300,
    }
    return Content(**fields | changes)


def uploaded(image: UUID, **changes: Any) -> ImageUploaded:
    fields: dict[str, Any] = {
        "image_id": image,
        "owner": "alice",
        "actor": "alice",
        "content": content(),
        "filename": "beach.jpg",
        "wanted": WANTED,
    }
    return ImageUploaded(**fields | changes)


def updated(image: UUID, **changes: Any) -> ImageUpdated:
    fields: dict[str, Any] = {
        "image_id": image,
        "owner": "alice",
        "actor": "alice",
        "expected_version": None,
        "changes": {},
        "content": content(),
        "replaces_content": False,
        "wanted": WANTED,
    }
    return ImageUpdated(**fields | changes)


def deleted(image: UUID, expected_version: int | None = None) -> ImageDeleted:
    return ImageDeleted(image_id=image, owner="alice", actor="alice", expected_version=expected_version)


def restored(image: UUID) -> ImageRestored:
    return ImageRestored(image_id=image, owner="alice", actor="alice")


def started(image: UUID, cause: UUID, **changes: Any) -> AnalysisStarted:
    return AnalysisStarted(**_analysis(image, cause) | changes)


def completed(image: UUID, cause: UUID, **changes: Any) -> AnalysisCompleted:
    results = tuple(
        Result(algorithm=wanted.algorithm, version=1, params=wanted.params, result={"of": wanted.algorithm})
        for wanted in WANTED
    )
    return AnalysisCompleted(**_analysis(image, cause) | {"results": results} | changes)


def failed(image: UUID, cause: UUID, **changes: Any) -> AnalysisFailed:
    failures = tuple(
        Failure(algorithm=wanted.algorithm, type="undecodable-image", detail="it is damaged") for wanted in WANTED
    )
    return AnalysisFailed(**_analysis(image, cause) | {"failures": failures} | changes)


def cause(name: object, source: str = "ingest", **changes: Any) -> Cause:
    return Cause(**{"event_id": uid(name), "source": source, "time": NOON} | changes)


def message(event: Event, name: object | None = None) -> Message:
    return encode(event, cause(name if name is not None else repr(event)))


def record(sent: Message, offset: int = 0, partition: int = 0, time: datetime = NOON) -> Record:
    """What a reader finds of a message."""
    return Record(
        topic=sent.topic,
        partition=partition,
        offset=offset,
        time=time,
        key=sent.key,
        value=sent.value,
        headers=sent.headers,
    )


def recorded(event: Event, name: object, at: Position, time: datetime = NOON) -> Recorded[Any]:
    from contracts.codec import TYPE_OF

    return Recorded(event=event, type=TYPE_OF[type(event)], cause=cause(name), position=at, time=time)


def _analysis(image: UUID, cause: UUID) -> dict[str, Any]:
    return {
        "image_id": image,
        "owner": "alice",
        "cause": cause,
        "group": "core",
        "sha256": sha("bytes"),
        "wanted": WANTED,
    }
