"""ThumbHash, a placeholder of about 25 bytes: Evan Wallace's reference algorithm (rgbaToThumbHash, 2023) in numpy."""

from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.float64]
LARGEST = 100


class Channel(NamedTuple):
    """Cosine coefficients: the constant one, the others as 0–15, and the scale these were divided by."""

    constant: float
    varying: list[int]
    scale: float


def thumbhash(rgba: NDArray[np.uint8]) -> bytes:
    """The ThumbHash of pixels [height, width, 4], at most 100 × 100, not premultiplied."""
    height, width = rgba.shape[:2]
    lightness, yellow_blue, red_green, alpha = _planes(rgba / 255)
    has_alpha = int((rgba[..., 3] < 255).any())
    limit = 5 if has_alpha else 7  # less detail in brightness where transparency needs the room
    lx = max(1, _round(limit * width / max(width, height)))
    ly = max(1, _round(limit * height / max(width, height)))
    l = _encoded(lightness, max(3, lx), max(3, ly))  # noqa: E741
    p = _encoded(yellow_blue, 3, 3)
    q = _encoded(red_green, 3, 3)
    landscape = int(width > height)
    colours = _round(63 * l.constant) | _round(31.5 + 31.5 * p.constant) << 6 | _round(31.5 + 31.5 * q.constant) << 12
    start = colours | _round(31 * l.scale) << 18 | has_alpha << 23
    shape = (ly if landscape else lx) | _round(63 * p.scale) << 3 | _round(63 * q.scale) << 9 | landscape << 15
    head = start.to_bytes(3, "little") + shape.to_bytes(2, "little")
    if not has_alpha:
        return head + _nibbles(l.varying + p.varying + q.varying)
    a = _encoded(alpha, 5, 5)
    opacity = bytes([_round(15 * a.constant) | _round(15 * a.scale) << 4])
    return head + opacity + _nibbles(l.varying + p.varying + q.varying + a.varying)


def _planes(rgba: Plane) -> tuple[Plane, Plane, Plane, Plane]:
    """Lightness, yellow–blue, red–green, alpha, laid over the picture's average colour."""
    alpha = rgba[..., 3]
    total = alpha.sum()
    average = (rgba[..., :3] * alpha[..., None]).sum(axis=(0, 1)) / (total or 1)
    red, green, blue = np.moveaxis(average * (1 - alpha[..., None]) + rgba[..., :3] * alpha[..., None], 2, 0)
    return (red + green + blue) / 3, (red + green) / 2 - blue, red - green, alpha


def _encoded(plane: Plane, nx: int, ny: int) -> Channel:
    height, width = plane.shape
    across = np.cos(np.pi / width * np.outer(np.arange(nx), np.arange(width) + 0.5))
    down = np.cos(np.pi / height * np.outer(np.arange(ny), np.arange(height) + 0.5))
    coefficients = down @ plane @ across.T / (width * height)
    kept = [float(coefficients[cy, cx]) for cy in range(ny) for cx in range(nx) if cx * ny < nx * (ny - cy)]
    constant, varying = kept[0], kept[1:]
    scale = max(map(abs, varying))
    if scale < 1e-9:  # a flat picture: the rounding errors of a sum are no detail
        return Channel(constant, [0] * len(varying), 0.0)
    return Channel(constant, [_round(15 * (0.5 + 0.5 / scale * value)) for value in varying], scale)


def _nibbles(values: list[int]) -> bytes:
    padded = [*values, 0] if len(values) % 2 else values
    return bytes(low | high << 4 for low, high in list(pairwise(padded))[::2])


def _round(value: float) -> int:
    """As JavaScript rounds: halves go up. What lies within the noise of a sum of a half is one, on every machine."""
    return int(np.floor(round(value, 9) + 0.5))
