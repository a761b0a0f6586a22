"""From a picture to what a network is given, exactly as its card says."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from services.analyzer import pixels
from services.analyzer.models.card import Input

Numbers = NDArray[np.float32]
Box = tuple[int, int, int, int]


def prepared(image: Image.Image, wanted: Input) -> Numbers:
    """Of shape (1, 3, height, width), or (1, height, width, 3). What is see-through is white."""
    shown = pixels.on_white(image)
    part = shown.crop(middle(shown.size, wanted)) if wanted.resize == "crop" else shown
    rgb = np.asarray(pixels.scaled(part, (wanted.width, wanted.height)), dtype=np.float32)
    colors = rgb if wanted.colors == "RGB" else rgb[:, :, ::-1]
    values = (colors - np.asarray(wanted.mean, np.float32)) * np.asarray(wanted.scale, np.float32)
    return np.ascontiguousarray((values if wanted.layout == "NHWC" else values.transpose(2, 0, 1))[np.newaxis])


def middle(size: tuple[int, int], wanted: Input) -> Box:
    """Left, top, right, bottom of the part that `crop` takes of a picture of this size."""
    scale = min(size[0] / wanted.width, size[1] / wanted.height) * wanted.crop_pct
    width, height = max(1, round(wanted.width * scale)), max(1, round(wanted.height * scale))
    left, top = (size[0] - width) // 2, (size[1] - height) // 2
    return left, top, left + width, top + height
