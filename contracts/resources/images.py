"""An image as the API shows it: whole to its owner, a public view to everyone else."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from contracts.events import Json, Params, Position
from contracts.images import Image
from contracts.problems import BY_SLUG

Status = Literal["queued", "running", "completed", "partial", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Analysis:
    """One wanted algorithm of an image, as the view `wanted_analyses` joins it. A `result`, a `failure` or neither."""

    algorithm: str
    params: Params
    status: str
    version: int | None = None
    completed_at: datetime | None = None
    result: dict[str, Json] | None = None
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
            "results": {one.algorithm: _result(one) for one in described.analyses if one.result is not None},
            "failures": [_failure(one) for one in described.analyses if one.status == "failed"],
        },
        "renditions": renditions(described),
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
        "renditions": renditions(described),
    }


def renditions(described: Described) -> list[dict[str, Json]]:
    """The pictures made of an image, smallest first as the algorithm lists them."""
    return [
        {
            **{name: one[name] for name in ("name", "width", "height", "media_type", "size")},
            "url": f"/v1/images/{described.image.image_id}/renditions/{one['name']}?v={one['sha256']}",
        }
        for one in stored_renditions(described.analyses)
    ]


def stored_renditions(analyses: Iterable[Analysis]) -> list[dict[str, Json]]:
    """The same as `thumbnail` found them, with `sha256` and the object's `key`."""
    return [one for analysis in analyses if analysis.result for one in analysis.result.get("renditions", ())]


def _result(analysis: Analysis) -> dict[str, Json]:
    return {
        "algorithm_version": str(analysis.version),
        "completed_at": time(analysis.completed_at),
        "result": without_renditions(analysis.result or {}),
    }


def without_renditions(result: dict[str, Json]) -> dict[str, Json]:
    """What an algorithm found, but for what has addresses of its own."""
    if "renditions" not in result:
        return result
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
