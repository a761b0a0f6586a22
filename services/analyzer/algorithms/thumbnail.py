"""The three renditions and a placeholder. JPEG where every pixel is opaque, else WebP; upright, without metadata."""

from base64 import b64encode
from io import BytesIO

import numpy as np
from PIL import Image

from contracts.events import Params
from services.analyzer.algorithm import Finding, House, Rendition, object_schema
from services.analyzer.algorithms.thumbhash import LARGEST, thumbhash
from services.analyzer.decoded import DecodedImage, fit

JPEG_QUALITY = 82
WEBP_QUALITY, WEBP_METHOD = 80, 1  # method 4, the default, takes thirty times as long as JPEG

RENDITION = object_schema(
    name={"enum": ["thumb", "small", "large"]},
    width={"type": "integer", "minimum": 1},
    height={"type": "integer", "minimum": 1},
    media_type={"enum": ["image/jpeg", "image/webp"]},
    size={"type": "integer", "minimum": 1, "description": "bytes"},
    sha256={"type": "string", "pattern": "^[0-9a-f]{64}$"},
    key={"type": "string", "description": "where the bytes lie in object storage"},
)


class Thumbnail(House):
    name = "thumbnail"
    version = 1
    description = "Renditions of at most 128, 512 and 1600 px, upright and never enlarged, and a ThumbHash."
    result_schema = object_schema(
        renditions={"type": "array", "items": RENDITION},
        thumbhash={"type": "string", "description": "base64"},
    )

    def analyze(self, image: DecodedImage, params: Params) -> Finding:
        pictures = {"thumb": image.thumb, "small": image.small, "large": image.large}
        encoded = {picture.size: _encoded(picture) for picture in pictures.values()}
        renditions = tuple(
            Rendition(image.sha256, name, *picture.size, *encoded[picture.size]) for name, picture in pictures.items()
        )
        described = [rendition.described() for rendition in renditions]
        return Finding({"renditions": described, "thumbhash": _placeholder(image.thumb)}, renditions)


def _encoded(image: Image.Image) -> tuple[str, bytes]:
    """Media type and bytes."""
    buffer = BytesIO()
    if image.mode == "RGBA":
        image.save(buffer, "WEBP", quality=WEBP_QUALITY, method=WEBP_METHOD)
        return "image/webp", buffer.getvalue()
    image.save(buffer, "JPEG", quality=JPEG_QUALITY)
    return "image/jpeg", buffer.getvalue()


def _placeholder(thumb: Image.Image) -> str:
    tiny = thumb.resize(fit(thumb.size, LARGEST), Image.Resampling.HAMMING).convert("RGBA")
    return b64encode(thumbhash(np.asarray(tiny))).decode()
