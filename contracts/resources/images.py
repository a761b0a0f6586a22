"""An image as the API shows it: whole to its owner, a public view to everyone else."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import msgspec
import orjson
from msgspec import Raw, Struct

from contracts.events import Json, Params, Position
from contracts.images import Image
from contracts.problems import BY_SLUG

Status = Literal["queued", "running", "completed", "partial", "failed"]


NOTHING = Raw(b"null")
RENDITIONS = b'"renditions"'
_RESULT = msgspec.json.Decoder(dict[str, Json])


class Analysis(Struct, frozen=True, kw_only=True):
    """One wanted algorithm of an image, as the view `wanted_analyses` joins it. A `result`, a `failure` or neither.

    Result and time stay the text that they are: most of a page of images is what was found, which nobody here has to
    understand. `completed_at` is of RFC 3339, in UTC.
    """

    algorithm: str
    params: Params
    status: str
    version: int | None = None
    completed_at: str | None = None
    result: Raw = NOTHING
    failure: dict[str, Json] | None = None
    attempts: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """An image with all that is joined to it at read."""

    image: Image
    position: Position
    status: Status
    analyses: Sequence[Analysis] = ()
    shown: bool = False
    """Everybody sees its public view: it is public, or in a post that stands, and its owner is not disabled."""


def time(at: datetime | None) -> str | None:
    """RFC 3339 in UTC with a Z."""
    return at.isoformat().replace("+00:00", "Z") if at else None


def just_created(image: Image, position: Position) -> Described:
    """An image that no analyzer has seen yet."""
    status: Status = "queued" if image.wanted else "completed"
    return Described(image=image, position=position, status=status, shown=image.visibility == "public")


def image_json(described: Described) -> dict[str, Json]:
    """Everything, for the owner."""
    image, content = described.image, described.image.content
    pictured = _pictured(described.analyses)
    return {
        "id": image.image_id,
        "owner": image.owner,
        "version": image.version,
        "filename": image.filename,
        "media_type": content.media_type,
        "size": content.size,
        "sha256": content.sha256,
        "content_url": f"/v1/images/{image.image_id}/content",
        "origin": image.origin,
        "width": content.width,
        "height": content.height,
        "title": image.title,
        "description": image.description,
        "tags": image.tags,
        "visibility": image.visibility,
        "created_at": time(image.created_at),
        "updated_at": time(image.updated_at),
        "deleted_at": time(image.deleted_at),
        "analysis": {
            "status": described.status,
            "results": {
                one.algorithm: _result(one, pictured) for one in described.analyses if one.status == "completed"
            },
            "failures": [_failure(one) for one in described.analyses if one.status == "failed"],
        },
        "renditions": renditions(described, pictured.values()),
        "position": str(described.position),
    }


def public_json(described: Described) -> dict[str, Json]:
    """What others see: never EXIF, the original's hash, file name, history or original."""
    image, content = described.image, described.image.content
    return {
        "id": image.image_id,
        "owner": image.owner,
        "version": image.version,
        "width": content.width,
        "height": content.height,
        "title": image.title,
        "tags": image.tags,
        "created_at": time(image.created_at),
        "renditions": renditions(described, _pictured(described.analyses).values()),
    }


def renditions(described: Described, pictured: Iterable[dict[str, Json]]) -> list[dict[str, Json]]:
    """The pictures made of an image, smallest first as the algorithm lists them, out of the results that have any."""
    base = f"/v1/images/{described.image.image_id}/renditions"
    return [
        {name: one[name] for name in ("name", "width", "height", "media_type", "size")}
        | {"url": f"{base}/{one['name']}?v={one['sha256']}"}
        for result in pictured
        for one in result.get("renditions", ())
    ]


def stored_renditions(analyses: Iterable[Analysis]) -> list[dict[str, Json]]:
    """The same as `thumbnail` found them, with `sha256` and the object's `key`."""
    return [one for result in _pictured(analyses).values() for one in result.get("renditions", ())]


def fact_json(analysis: Analysis) -> dict[str, Json]:
    """What an algorithm found, and which version of it, when."""
    return _fact(analysis, orjson.Fragment(bytes(analysis.result)))


def _pictured(analyses: Iterable[Analysis]) -> dict[str, dict[str, Json]]:
    """The results that hold renditions, read, by the algorithm."""
    return {one.algorithm: _RESULT.decode(one.result) for one in analyses if RENDITIONS in bytes(one.result)}


def _result(analysis: Analysis, pictured: Mapping[str, dict[str, Json]]) -> dict[str, Json]:
    """A fact as an image shows it: its renditions stand elsewhere."""
    read = pictured.get(analysis.algorithm)
    if read is None:
        return fact_json(analysis)
    return _fact(analysis, without_renditions(read))


def _fact(analysis: Analysis, result: Json) -> dict[str, Json]:
    return {
        "algorithm_version": str(analysis.version),
        "completed_at": (analysis.completed_at or "").replace("+00:00", "Z"),
        "result": result,
    }


def without_renditions(result: Mapping[str, Json]) -> dict[str, Json]:
    """What an algorithm found, but for what has addresses of its own."""
    return {name: value for name, value in result.items() if name != "renditions"}


def _failure(analysis: Analysis) -> dict[str, Json]:
    failure = analysis.failure or {"type": "algorithm-failed", "detail": "the analyzer gave no reason"}
    known = BY_SLUG.get(failure["type"], BY_SLUG["algorithm-failed"])
    return {
        "algorithm": analysis.algorithm,
        "type": known.uri,
        "title": known.title,
        "detail": failure["detail"],
        "attempts": analysis.attempts,
    }
