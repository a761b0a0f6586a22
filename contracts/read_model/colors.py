"""Colours as cells of CIE Lab space, so that *about this colour* is a handful of equal terms.

sRGB → XYZ (D65) → L*a*b*: IEC 61966-2-1 and CIE 15. A cell is 12.5 units wide, about five just noticeable differences.
"""

import math
from collections.abc import Iterator
from functools import lru_cache
from itertools import product

CELL = 12.5
Lab = tuple[float, float, float]
_D65 = (0.95047, 1.0, 1.08883)


@lru_cache(maxsize=4096)
def cell(color: str) -> str:
    """The term that a stored colour `#rrggbb` is found under."""
    lightness, a, b = lab(color)
    return _term(round(lightness / CELL), round(a / CELL), round(b / CELL))


def cells_near(color: str) -> list[str]:
    """The terms of every colour that looks like `#rrggbb`: its own cell and those whose middles lie near."""
    at = lab(color)
    return [_term(*near) for near in _around(at) if _distance(at, near) <= 1.5 * CELL]


def lab(color: str) -> Lab:
    """L* (0–100), a*, b* of `#rrggbb`. Raises ValueError for anything else."""
    if len(color) != 7 or color[0] != "#":
        raise ValueError(f"not a colour #rrggbb: {color!r}")
    red, green, blue = map(_LINEAR.__getitem__, bytes.fromhex(color[1:]))
    x = _bent((0.4124564 * red + 0.3575761 * green + 0.1804375 * blue) / _D65[0])
    y = _bent((0.2126729 * red + 0.7151522 * green + 0.0721750 * blue) / _D65[1])
    z = _bent((0.0193339 * red + 0.1191920 * green + 0.9503041 * blue) / _D65[2])
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


def _around(at: Lab) -> Iterator[tuple[int, int, int]]:
    spans = (range(round(value / CELL) - 2, round(value / CELL) + 3) for value in at)
    return product(*spans)  # type: ignore[return-value]  # three spans make triples


def _distance(at: Lab, near: tuple[int, int, int]) -> float:
    return math.dist(at, [CELL * index for index in near])


def _term(lightness: int, a: int, b: int) -> str:
    return f"color:{lightness},{a},{b}"


def _linear(value: float) -> float:
    return value / 12.92 if value <= 0.04045 else float(((value + 0.055) / 1.055) ** 2.4)


def _bent(value: float) -> float:
    return float(value ** (1 / 3)) if value > 216 / 24389 else (24389 / 27 * value + 16) / 116


_LINEAR = tuple(_linear(value / 255) for value in range(256))
