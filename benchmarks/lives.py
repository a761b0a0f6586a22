"""The lives of generated images: the events each would leave in the log, the same at every run."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid5

from contracts import ids
from contracts.analyses import AnalysisCompleted, AnalysisStarted, Result
from contracts.codec import Event
from contracts.events import Cause
from contracts.images import Content, ImageUploaded, Wanted

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
WANTED = tuple(Wanted(algorithm=name) for name in ("metadata", "exif", "thumbnail", "colors", "hash", "quality"))
EVENTS_PER_IMAGE = 3


def life(seed: str, number: int) -> Iterator[tuple[Event, Cause]]:
    """Upload, start and outcome of one image."""
    upload = uuid5(ids.NAMESPACE, f"{seed} {number}")
    image, sha256 = ids.image(upload), uuid5(upload, "bytes").hex * 2
    owner = f"owner-{number % 50}"
    content = Content(
        sha256=sha256,
        size=3_000_000 + number,
        media_type="image/jpeg",
        storage_key=ids.original_key(sha256),
        width=4000,
        height=3000,
    )
    uploaded = ImageUploaded(
        image_id=image,
        owner=owner,
        actor=owner,
        content=content,
        filename=f"IMG_{number:05}.jpg",
        title=f"Picture number {number}",
        tags=("holiday", f"day-{number % 365}"),
        wanted=WANTED,
    )
    yield uploaded, Cause(event_id=upload, source="ingest", time=EPOCH)
    about: dict[str, Any] = {
        "image_id": image,
        "owner": owner,
        "cause": upload,
        "group": "core",
        "sha256": sha256,
        "wanted": WANTED,
    }
    yield AnalysisStarted(**about), _caused(ids.started(upload, "core"), upload)
    outcome = AnalysisCompleted(**about, results=tuple(_results(number, sha256)))
    yield outcome, _caused(ids.outcome(upload, "core"), upload)


def _caused(event_id: UUID, upload: UUID) -> Cause:
    return Cause(event_id=event_id, source="analyzer", time=EPOCH, causation_id=upload)


def _results(number: int, sha256: str) -> Iterator[Result]:
    found: dict[str, dict[str, Any]] = {
        "metadata": {"width": 4000, "height": 3000, "format": "JPEG", "mode": "RGB", "frames": 1, "orientation": 1},
        "exif": {
            "make": "Fujifilm",
            "model": f"X-T{number % 9}",
            "taken_at": f"2025-{number % 12 + 1:02}-{number % 28 + 1:02}T18:20:11+00:00",
            "exposure_time": 0.004,
            "f_number": 2.8,
            "iso": 200,
            "gps": {"latitude": 52.5, "longitude": 13.4, "altitude": None},
        },
        "thumbnail": {
            "renditions": [
                {"name": name, "width": width, "height": width * 3 // 4, "media_type": "image/jpeg", "size": width * 30}
                | {"sha256": sha256, "key": ids.rendition_key(sha256, sha256)}
                for name, width in (("thumb", 128), ("small", 512), ("large", 1600))
            ],
            "thumbhash": "3OcRJYB4d3h/iIeHeEh3eIhw+j3A",
        },
        "colors": {
            "dominant": "#2f6f9f",
            "average": "#557788",
            "palette": [{"color": f"#{(number * 7919 + k * 99991) % 0xFFFFFF:06x}", "share": 0.2} for k in range(5)],
        },
        "hash": {"phash": sha256[:16], "dhash": sha256[16:32]},
        "quality": {"sharpness": 123.4, "exposure": 0.5, "contrast": 0.2, "entropy": 7.3},
    }
    for algorithm, result in found.items():
        yield Result(algorithm=algorithm, version=1, params={}, result=result)
