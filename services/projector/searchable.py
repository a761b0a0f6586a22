"""What of a result can be searched, drawn out of it when its fact is stored. Anything odd draws nothing."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from msgspec import Struct

from contracts.events import Json
from contracts.read_model.colors import cell
from contracts.read_model.words import words

LONGEST = 100
LEAST_SHARE = 0.05
LEAST_SCORE = 0.05


class Searchable(Struct, frozen=True):
    """`phash` is a signed 64-bit integer; `terms` are exact words such as `color:5,1,-2` and `label:cat`."""

    taken_at: datetime | None = None
    camera: str | None = None
    phash: int | None = None
    terms: tuple[str, ...] = ()
    words: tuple[str, ...] = ()


NOTHING = Searchable()


def drawn(algorithm: str, result: Mapping[str, Json]) -> Searchable:
    """The searchable part of a result; an unknown algorithm has none."""
    draw = _DRAWN.get(algorithm)
    try:
        return draw(result) if draw else NOTHING
    except (AttributeError, KeyError, TypeError, ValueError):
        return NOTHING  # a plug-in may answer under a known name in another shape: its fact stands, unsearchable


def _exif(result: Mapping[str, Json]) -> Searchable:
    make_and_model = " ".join(str(part) for part in (result.get("make"), result.get("model")) if part)
    return Searchable(taken_at=_time(result.get("taken_at")), camera=make_and_model.casefold()[:LONGEST] or None)


def _hash(result: Mapping[str, Json]) -> Searchable:
    return Searchable(phash=signed(result.get("phash")))


def _colors(result: Mapping[str, Json]) -> Searchable:
    palette = [one for one in result.get("palette", []) if one["share"] >= LEAST_SHARE]
    return Searchable(terms=tuple(sorted({cell(one["color"]) for one in palette})))


def _classification(result: Mapping[str, Json]) -> Searchable:
    likely = [one for one in result.get("labels", []) if one.get("score", 1) >= LEAST_SCORE]
    labels = {name for one in likely for name in _names(str(one["label"]).casefold())}
    return Searchable(terms=tuple(f"label:{label}" for label in sorted(labels)))


def _names(label: str) -> list[str]:
    """ImageNet's labels are synonyms, `tabby, tabby cat`: each is found, and all of them together."""
    return [name.strip()[:LONGEST] for name in (label, *label.split(",")) if name.strip()]


def _caption(result: Mapping[str, Json]) -> Searchable:
    return Searchable(words=tuple(words(str(result.get("caption", "")))))


def signed(digits: Json) -> int:
    """Sixteen hex digits as Postgres's signed bigint. Raises ValueError for anything else."""
    if len(digits) != 16:
        raise ValueError(f"not sixteen hex digits: {digits!r}")
    return int.from_bytes(bytes.fromhex(digits), signed=True)


def _time(text: Json) -> datetime | None:
    if text is None:
        return None
    time = datetime.fromisoformat(text)
    return time if time.tzinfo else time.replace(tzinfo=UTC)


_DRAWN: Mapping[str, Callable[[Mapping[str, Json]], Searchable]] = {
    "exif": _exif,
    "hash": _hash,
    "colors": _colors,
    "classification": _classification,
    "caption": _caption,
}
