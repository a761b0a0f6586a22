"""Which bytes a client asks for, and whether it has them already (RFC 9110 §13 and §14). Pure."""

import re
from dataclasses import dataclass

from contracts.problems import Problem

_ONE_RANGE = re.compile(r"bytes=\s*([0-9]{0,18})\s*-\s*([0-9]{0,18})\s*")


@dataclass(frozen=True, slots=True)
class Part:
    """Bytes `first` to `last`, both included, of `size`."""

    first: int
    last: int
    size: int

    @property
    def length(self) -> int:
        return self.last - self.first + 1

    @property
    def content_range(self) -> str:
        return f"bytes {self.first}-{self.last}/{self.size}"


def wanted_part(range_: str | None, if_range: str | None, etag: str, size: int) -> Part | None:
    """The part to send; None to send it all, which is also right for several ranges and for what is no range.

    Raises the Problem `range-not-satisfiable` for a range outside the bytes there are.
    """
    asked = _ONE_RANGE.fullmatch(range_) if range_ else None
    if asked is None or asked.groups() == ("", "") or if_range not in (None, etag):
        return None
    first, last = asked.groups()
    if not first:
        part = Part(max(size - int(last), 0), size - 1, size)
    else:
        part = Part(int(first), min(int(last), size - 1) if last else size - 1, size)
    if last and first and int(last) < int(first):
        return None
    if part.first >= size or part.length < 1:
        raise Problem("range-not-satisfiable", f"there are {size} bytes", headers={"Content-Range": f"bytes */{size}"})
    return part


def is_known(if_none_match: str | None, etag: str) -> bool:
    """Whether the client holds these bytes already. Compared weakly, as the RFC has it for If-None-Match."""
    if if_none_match is None:
        return False
    known = [one.strip().removeprefix("W/") for one in if_none_match.split(",")]
    return "*" in known or etag in known
