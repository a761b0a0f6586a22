"""The colours one would name: a palette of at most eight, from the visible pixels of the 128 px image."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from contracts.events import Json, Params
from services.analyzer.algorithm import Finding, House, object_schema
from services.analyzer.decoded import DecodedImage

MOST = 8
VISIBLE = 128  # of 255: a pixel more transparent than this shows what lies behind it
COLOR = {"type": "string", "pattern": "^#[0-9a-f]{6}$"}
NONE_OR_COLOR = {"type": ["string", "null"], "pattern": "^#[0-9a-f]{6}$"}

Rgb = NDArray[np.uint8]


class Colors(House):
    name = "colors"
    version = 1
    description = "Dominant and average colour, and a palette with shares; null and empty if nothing is visible."
    result_schema = object_schema(
        dominant=NONE_OR_COLOR,
        average=NONE_OR_COLOR,
        palette={
            "type": "array",
            "maxItems": MOST,
            "items": object_schema(color=COLOR, share={"type": "number", "minimum": 0, "maximum": 1}),
        },
    )

    def analyze(self, image: DecodedImage, params: Params) -> Finding:
        visible = _visible(image.thumb)
        if not len(visible):
            return Finding({"dominant": None, "average": None, "palette": []})
        palette = _palette(visible)
        average = _hex(visible.mean(axis=0).round().astype(int).tolist())
        return Finding({"dominant": palette[0]["color"], "average": average, "palette": palette})


def _visible(image: Image.Image) -> Rgb:
    """One row of red, green, blue for every pixel that is not see-through."""
    values = np.asarray(image).reshape(-1, len(image.getbands()))
    return values[values[:, 3] >= VISIBLE, :3] if values.shape[1] == 4 else values


def _palette(visible: Rgb) -> list[dict[str, Json]]:
    """Most frequent first. FASTOCTREE: Pillow's other quantizers cost a hundred times as much."""
    row = Image.fromarray(np.ascontiguousarray(visible).reshape(1, -1, 3))
    quantized = row.quantize(MOST, Image.Quantize.FASTOCTREE)
    colors = np.asarray(quantized.getpalette()).reshape(-1, 3).tolist()
    counts = np.bincount(np.asarray(quantized).ravel(), minlength=len(colors)).tolist()
    found = [(count, _hex(color)) for count, color in zip(counts, colors, strict=False) if count]
    found.sort(key=lambda one: (-one[0], one[1]))
    return [{"color": color, "share": round(count / len(visible), 4)} for count, color in found]


def _hex(rgb: list[int]) -> str:
    return "#" + bytes(rgb).hex()
