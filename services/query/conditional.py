"""What a reader asks of bytes by headers: only if changed, only a part (RFC 9110 §13.1.2, §14), in which form. Pure."""

import re
from dataclasses import dataclass
from urllib.parse import quote

_ETAG = re.compile(r'(?:W/)?("[\x21\x23-\x7e\x80-\xff]*")')
_RANGE = re.compile(r"bytes\s*=\s*([0-9]{0,4000})\s*-\s*([0-9]{0,4000})\s*", re.IGNORECASE)
_UNSAFE = re.compile(r'[\x00-\x1f\x7f-\x9f"\\/%;\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]')


@dataclass(frozen=True, slots=True)
class Span:
    """Bytes `first` to `last` of an object, both included."""

    first: int
    last: int

    @property
    def length(self) -> int:
        return self.last - self.first + 1


class OutOfRange(Exception):
    """The object has none of the bytes asked for."""


def unchanged(if_none_match: str | None, etag: str) -> bool:
    """Whether the client has the bytes already. Weak comparison, as for every GET."""
    if if_none_match is None:
        return False
    return if_none_match.strip() == "*" or etag in _ETAG.findall(if_none_match)


def span(asked: str | None, if_range: str | None, etag: str, size: int) -> Span | None:
    """The one range to answer; None for all of it, also where the header is no range, or several, or out of date.

    Raises OutOfRange.
    """
    found = _RANGE.fullmatch(asked or "")
    if not found or (if_range is not None and if_range.strip() != etag):
        return None
    first, last = (int(digits) if digits else None for digits in found.groups())
    if (first is None and last is None) or (first is not None and last is not None and first > last):
        return None
    begin, end = (
        (max(0, size - (last or 0)), size - 1) if first is None else (first, size - 1 if last is None else last)
    )
    if begin >= size:
        raise OutOfRange
    return Span(begin, min(end, size - 1))


def disposition(filename: str) -> str:
    """Content-Disposition that shows the bytes and names them when saved (RFC 6266), whatever the name holds."""
    safe = _UNSAFE.sub("_", filename).strip(" .") or "image"
    plain = safe.encode("ascii", "replace").decode().replace("?", "_")
    return f"inline; filename=\"{plain}\"; filename*=UTF-8''{quote(safe, safe='')}"


def prefers_json(accept: str | None, media_type: str) -> bool:
    """Whether the client would rather have JSON than the picture itself; on a tie it gets the picture."""
    if accept is None:
        return False
    weights = dict(_weighed(part) for part in accept.lower().split(","))
    return _weight(weights, "application/json") > _weight(weights, media_type)


def _weight(weights: dict[str, float], media_type: str) -> float:
    """The most specific range that covers the type decides."""
    ranges = (media_type, f"{media_type.partition('/')[0]}/*", "*/*")
    return next((weights[one] for one in ranges if one in weights), 0.0)


def _weighed(part: str) -> tuple[str, float]:
    name, *params = (one.strip() for one in part.split(";"))
    weight = next((one[2:] for one in params if one.startswith("q=")), "1")
    return name, float(weight) if re.fullmatch(r"[01](\.[0-9]{0,3})?", weight) else 0.0
