"""Interest points: corners, crossings, spots, which are found again in another picture of the same thing.

Shi and Tomasi, "Good Features to Track" (1994): where the smaller eigenvalue of the structure tensor has a peak, the
picture changes in every direction. From the brightness (ITU-R 601 luma) of the 1600 px image. All sums are of whole
numbers, so that every machine finds the same points.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from contracts.events import Json, Params
from services.analyzer.algorithm import Finding, House, object_schema, params_schema, whole
from services.analyzer.decoded import DecodedImage
from services.analyzer.header import Size
from services.analyzer.pixels import on_white

COUNT, DISTANCE = 100, 10
WINDOW = 2  # pixels on either side of a point that speak for it: two points nearer than that are one
HIGHEST = 256 * (4 * 255) ** 2  # the eigenvalue of a window full of the steepest slopes there are
FAINTEST = 1e-4  # of the highest: corners of about six of 255 shades
WEAKEST = 0.01  # of the picture's best: below are the traces that JPEG leaves along edges

Grey = NDArray[np.uint8]
Scores = NDArray[np.float64]


class PoiDetection(House):
    name = "poi_detection"
    version = 1
    description = "Interest points (Shi-Tomasi) in pixels of the upright original, best first; none if it is flat."
    params_schema = params_schema(
        count={"type": "integer", "minimum": 1, "maximum": 1000, "default": COUNT, "description": "most points"},
        min_distance={
            "type": "integer",
            "minimum": 1,
            "maximum": 10_000,
            "default": DISTANCE,
            "description": "between two points, in pixels of the upright original",
        },
    )
    result_schema = object_schema(
        points={
            "type": "array",
            "maxItems": 1000,
            "items": object_schema(
                x={"type": "integer", "minimum": 0},
                y={"type": "integer", "minimum": 0},
                score={"type": "number", "minimum": 0, "maximum": 1},
            ),
        }
    )

    def analyze(self, image: DecodedImage, params: Params) -> Finding:
        found = scores(np.asarray(on_white(image.large).convert("L")))
        apart = whole(params, "min_distance") or DISTANCE
        count = whole(params, "count") or COUNT
        points = [point for _, point in zip(range(count), _spread(found, image.header.size, apart), strict=False)]
        return Finding({"points": points})


def scores(grey: Grey) -> Scores:
    """How much each pixel is a corner, 0–1: the smaller eigenvalue of the structure tensor of its 5 × 5 window."""
    padded = np.pad(grey, 1 + WINDOW, mode="edge").astype(np.int32)
    across = _smoothed(padded[:, 2:] - padded[:, :-2], 0, 2)
    down = _smoothed(padded[2:] - padded[:-2], 1, 2)
    xx, yy, xy = (_window(one * other) for one, other in ((across, across), (down, down), (across, down)))
    smaller = (xx + yy - np.sqrt((xx - yy) ** 2 + 4 * xy**2)) / 2
    return np.maximum(smaller, 0) / HIGHEST


def _smoothed(values: NDArray[np.int32], axis: int, times: int) -> NDArray[np.int32]:
    """Neighbours added up `times` times: weights 1 2 1, or 1 4 6 4 1."""
    for _ in range(times):
        values = values[1:] + values[:-1] if axis == 0 else values[:, 1:] + values[:, :-1]
    return values


def _window(values: NDArray[np.int32]) -> Scores:
    return _smoothed(_smoothed(values, 0, 2 * WINDOW), 1, 2 * WINDOW).astype(np.float64)


def _peaks(found: Scores) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Columns and rows of the pixels that none of their eight neighbours exceeds, best first, then from the top."""
    padded = np.pad(found, 1)
    rows = np.maximum(np.maximum(padded[:-2], padded[1:-1]), padded[2:])
    highest = np.maximum(np.maximum(rows[:, :-2], rows[:, 1:-1]), rows[:, 2:])
    ys, xs = np.nonzero((found == highest) & (found > max(FAINTEST, WEAKEST * found.max())))
    order = np.lexsort((xs, ys, -found[ys, xs]))
    return xs[order], ys[order]


def _spread(found: Scores, original: Size, apart: int) -> Iterator[dict[str, Json]]:
    """The peaks, best first, but for those too near to a better one."""
    height, width = found.shape
    across, down = original[0] / width, original[1] / height
    near = _near(max(apart, WINDOW * max(across, down)), across, down, found.shape)
    ry, rx = near.shape[0] // 2, near.shape[1] // 2
    taken = np.zeros((height + 2 * ry, width + 2 * rx), dtype=bool)
    for x, y in zip(*(one.tolist() for one in _peaks(found)), strict=True):
        if taken[y + ry, x + rx]:
            continue
        taken[y : y + near.shape[0], x : x + near.shape[1]] |= near
        yield {"x": int((x + 0.5) * across), "y": int((y + 0.5) * down), "score": round(float(found[y, x]), 6)}


def _near(distance: float, across: float, down: float, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """The pixels around one at the centre that are nearer than `distance`, which counts the original's pixels."""
    rounding = 0 if across == down == 1 else 2**0.5
    reach = distance + rounding
    ry, rx = min(int(reach / down), shape[0] - 1), min(int(reach / across), shape[1] - 1)
    y, x = np.ogrid[-ry : ry + 1, -rx : rx + 1]
    return np.hypot(x * across, y * down) < reach
