"""The `small` rendition of a picture, for those who look at nothing larger."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from adapters import stored
from adapters.objects import ObjectMissing, Objects
from adapters.stored import Damaged
from contracts.analyses import Failure, Result
from contracts.events import Json
from contracts.images import Wanted
from services.analyzer.algorithm import Rendition
from services.analyzer.analysis import Analysis
from services.analyzer.jobs import failed
from services.analyzer.results import Question, Results

THUMBNAIL = Wanted(algorithm="thumbnail")
NAME = "small"


@dataclass(frozen=True, slots=True, kw_only=True)
class Original:
    """The bytes at `storage_key`, which must have this `sha256` and `size`."""

    sha256: str
    storage_key: str
    size: int


class Smalls:
    """Takes what `thumbnail` has made, wherever the house keeps it (`made`); what is not there yet it has made.

    Waiting for the group that runs `thumbnail` would be waiting for ever where there is none. The same picture decoded
    by both costs less than a tenth of a second, and gives the same bytes under the same key.
    """

    def __init__(self, objects: Objects, analysis: Analysis, made: Results) -> None:
        self._objects = objects
        self._analysis = analysis
        self._made = made

    async def of(self, original: Original) -> Rendition | Failure:
        """Raises TryLater while object storage is down."""
        known = await self._made.recall(original.sha256, [Question("thumbnail", 0, {})])
        return await self._read(original, known.values()) or await self._new(original)

    async def _new(self, original: Original) -> Rendition | Failure:
        found = await self._analysis.find(
            sha256=original.sha256, storage_key=original.storage_key, size=original.size, wanted=[THUMBNAIL]
        )
        if found.failures:
            return found.failures[0]
        missing = failed(THUMBNAIL, "object-missing", "its small rendition is not in object storage, or is damaged")
        return await self._read(original, found.results) or missing

    async def _read(self, original: Original, results: Iterable[Result]) -> Rendition | None:
        described = _described(results)
        if described is None:
            return None
        try:
            data = await stored.get(self._objects, described["key"])
        except (ObjectMissing, Damaged):
            return None
        right = hashlib.sha256(data).hexdigest() == described["sha256"]
        return _rendition(original, described, data) if right else None


def _described(results: Iterable[Result]) -> dict[str, Json] | None:
    """The rendition as the newest version of `thumbnail` describes it."""
    made = [one for one in results if one.algorithm == "thumbnail" and not one.params]
    newest = max(made, key=lambda one: one.version, default=None)
    renditions: list[dict[str, Json]] = newest.result.get("renditions", []) if newest else []
    return next((one for one in renditions if one["name"] == NAME), None)


def _rendition(original: Original, described: dict[str, Json], data: bytes) -> Rendition:
    width, height, media_type = (described[name] for name in ("width", "height", "media_type"))
    return Rendition(original.sha256, NAME, width, height, media_type, data)
