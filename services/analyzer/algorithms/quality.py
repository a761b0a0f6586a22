"""How the picture was taken, as numbers, from the brightness (ITU-R 601 luma, 0–1) of the 512 px image.

sharpness   variance of the Laplacian, in 8-bit units squared (Pech-Pacheco et al., "Diatom autofocusing", 2000)
exposure    mean well-exposedness exp(−(i−0.5)² ÷ (2·0.2²)), 0–1 (Mertens et al., "Exposure Fusion", 2007)
contrast    root-mean-square contrast, 0–0.5 (Peli, "Contrast in complex images", 1990)
entropy     Shannon's entropy of the 256-bin histogram, 0–8 bits ("A mathematical theory of communication", 1948)
brightness  mean brightness, 0–1
"""

import numpy as np
from numpy.typing import NDArray

from contracts.events import Params
from services.analyzer.algorithm import Finding, House, object_schema
from services.analyzer.decoded import DecodedImage
from services.analyzer.pixels import on_white

Grey = NDArray[np.float64]
SPREAD = 0.2
# Every brightness there is: what depends on a pixel's brightness alone is a sum over the histogram.
_LEVELS = np.arange(256) / 255
_WELL_EXPOSED = np.exp(-((_LEVELS - 0.5) ** 2) / (2 * SPREAD**2))


class Quality(House):
    name = "quality"
    version = 1
    description = "Sharpness, exposure, contrast, entropy and brightness of the 512 px image."
    result_schema = object_schema(
        sharpness={"type": "number", "minimum": 0},
        exposure={"type": "number", "minimum": 0, "maximum": 1},
        contrast={"type": "number", "minimum": 0, "maximum": 0.5},
        entropy={"type": "number", "minimum": 0, "maximum": 8},
        brightness={"type": "number", "minimum": 0, "maximum": 1},
    )

    def analyze(self, image: DecodedImage, params: Params) -> Finding:
        grey = on_white(image.small).convert("L")
        shares = np.asarray(grey.histogram()) / (grey.width * grey.height)
        brightness = shares @ _LEVELS
        return Finding(
            {
                "sharpness": round(sharpness(np.asarray(grey, dtype=np.int16)), 2),
                "exposure": round(float(shares @ _WELL_EXPOSED), 4),
                "contrast": round(float(np.sqrt(shares @ (_LEVELS - brightness) ** 2)), 4),
                "entropy": round(entropy(shares), 4),
                "brightness": round(float(brightness), 4),
            }
        )


def sharpness(grey: NDArray[np.int16]) -> float:
    """Variance of the four-neighbour Laplacian; the edge is mirrored by repetition, so that any size has one."""
    padded = np.pad(grey, 1, mode="edge")
    neighbours = padded[:-2, 1:-1] + padded[2:, 1:-1] + padded[1:-1, :-2] + padded[1:-1, 2:]
    return float((neighbours - 4 * grey).var(dtype=np.float64))


def entropy(shares: Grey) -> float:
    occurring = shares[shares > 0]
    return abs(float(-(occurring * np.log2(occurring)).sum()))
