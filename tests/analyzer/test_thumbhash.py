"""ThumbHash against what the author's own JavaScript gives for the same pixels (npm thumbhash 0.1.1)."""

from base64 import b64encode

import numpy as np
import pytest
from PIL import Image

from services.analyzer.algorithms.thumbhash import thumbhash

PUBLISHED = [
    (100, 75, False, "H/gBDYJCIUUQBGJCRSSFU/+Ozggj"),
    (60, 90, False, "HwgCDQICJDFCFSJGZ1M0R7+eik8j"),
    (32, 32, False, "nPgJHwYwU5dCh4l0iEeHV4mWuPvVAqgM"),
    (80, 60, True, "HwiCDIIIf3NSJJNG+YuHUGYXdIVQd1IHCA=="),
    (7, 100, True, "XqmFGQYXU2MJqWm/enVYBnd3c4h0B0c="),
]


@pytest.mark.parametrize(("width", "height", "see_through", "expected"), PUBLISHED)
def test_it_is_the_reference_algorithm(width: int, height: int, see_through: bool, expected: str) -> None:
    y, x = np.mgrid[0:height, 0:width]
    alpha = (3 * x + y * y) % 256 if see_through else np.full_like(x, 255)
    rgba = np.stack([(x * x + 3 * y) % 256, (5 * x + y * y) % 256, (x * y) % 256, alpha], axis=-1)
    assert b64encode(thumbhash(rgba.astype(np.uint8))).decode() == expected


def test_a_flat_picture_has_no_detail() -> None:
    flat = np.asarray(Image.new("RGBA", (40, 30), (200, 100, 50, 255)))
    assert thumbhash(flat)[5:] == bytes(16)


def test_nothing_at_all_has_a_placeholder() -> None:
    assert len(thumbhash(np.zeros((10, 10, 4), dtype=np.uint8))) == 25
