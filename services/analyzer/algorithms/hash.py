"""Perceptual hashes: pictures that look alike differ in few of the 64 bits. Both are taken from the 128 px image.

dHash: N. Krawetz, "Kind of Like That" (2013). pHash: C. Zauner, "Implementation and Benchmarking of Perceptual Image
Hash Functions" (2010), the lowest 8 × 8 frequencies of 32 × 32 pixels against their median, as `ImageHash` has it.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from contracts.events import Params
from services.analyzer.algorithm import Finding, House, object_schema
from services.analyzer.decoded import DecodedImage
from services.analyzer.pixels import on_white

SIDE, FREQUENCIES = 32, 8
DIGITS = {"type": "string", "pattern": "^[0-9a-f]{16}$"}

# Type-II discrete cosine transform, unnormalised; row k is frequency k.
_DCT = 2 * np.cos(np.pi / SIDE * np.outer(np.arange(FREQUENCIES), np.arange(SIDE) + 0.5))


class Hashes(House):
    name = "hash"
    version = 1
    description = "pHash and dHash, 64 bits each as 16 hex digits; few differing bits mean near duplicates."
    result_schema = object_schema(phash=DIGITS, dhash=DIGITS)

    def analyze(self, image: DecodedImage, params: Params) -> Finding:
        grey = on_white(image.thumb).convert("L")
        return Finding({"phash": phash(grey), "dhash": dhash(grey)})


def phash(grey: Image.Image) -> str:
    pixels = np.asarray(grey.resize((SIDE, SIDE), Image.Resampling.LANCZOS), dtype=np.float64)
    # Rounded, so that the noise of a flat picture is not taken for frequencies.
    lowest = (_DCT @ pixels @ _DCT.T).round(3)
    return _digits(lowest > np.median(lowest))


def dhash(grey: Image.Image) -> str:
    pixels = np.asarray(grey.resize((9, 8), Image.Resampling.LANCZOS))
    return _digits(pixels[:, 1:] > pixels[:, :-1])


def _digits(bits: NDArray[np.bool_]) -> str:
    return np.packbits(bits).tobytes().hex()
