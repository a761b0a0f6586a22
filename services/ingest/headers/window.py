"""The bytes of a picture that are at hand, and what a header says."""

import math
import struct
from bisect import bisect_right, insort
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any


class Broken(Exception):
    """The header says what no picture can."""


class Absent(Exception):
    """The bytes at `at` are part of the picture but not at hand."""

    def __init__(self, at: int) -> None:
        super().__init__(f"byte {at} is not at hand")
        self.at = at


@dataclass(frozen=True, slots=True)
class Header:
    """Stored pixels, frames as far as they were counted, and the EXIF orientation, 1 to 8.

    `shown` is what a crop leaves of the stored width and height.
    """

    width: int
    height: int
    frames: int = 1
    orientation: int = 1
    shown: tuple[int, int] | None = None

    def upright(self) -> tuple[int, int]:
        """Width and height as people see the picture."""
        width, height = self.shown or (self.width, self.height)
        return (height, width) if self.orientation >= 5 else (width, height)


class Window:
    """Blocks of a picture of `size` bytes; an unknown size is infinite."""

    def __init__(self, blocks: Iterable[bytes] = (), size: float = math.inf) -> None:
        self.size = size
        self._blocks: list[tuple[int, bytes]] = []
        at = 0
        for block in blocks:
            self._blocks.append((at, block))
            at += len(block)

    def add(self, at: int, block: bytes) -> None:
        insort(self._blocks, (at, block))

    def read(self, at: int, length: int) -> bytes:
        """`length` bytes from `at`, fewer only at the picture's end. Raises Absent where they are not at hand."""
        end = int(min(at + length, self.size))
        found = b""
        while (here := at + len(found)) < end:
            start, block = self._block(here)
            found += block[here - start : end - start]
        return found

    def unpack(self, layout: str, at: int) -> tuple[Any, ...]:
        """The values of a `struct` layout at `at`. Raises Broken where the picture ends before them."""
        length = struct.calcsize(layout)
        data = self.read(at, length)
        if len(data) < length:
            raise Broken("it ends in the middle of its header")
        return struct.unpack(layout, data)

    def _block(self, at: int) -> tuple[int, bytes]:
        """The block that holds the byte at `at`, and where it starts."""
        if not self._blocks:
            raise Absent(at)
        start, block = self._blocks[0]  # which holds nearly every header
        if not start <= at < start + len(block):
            start, block = self._blocks[max(bisect_right(self._blocks, at, key=_start) - 1, 0)]
        if not start <= at < start + len(block):
            raise Absent(at)
        return start, block

    def head(self, length: int) -> bytes:
        """As many of the first `length` bytes as are at hand without a gap."""
        at, found = 0, []
        for start, block in self._blocks:
            if start != at or at >= length:
                break
            found.append(block)
            at += len(block)
        return b"".join(found)[:length]


def _start(block: tuple[int, bytes]) -> int:
    return block[0]
