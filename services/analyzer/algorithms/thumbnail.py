"""The house's three renditions and a placeholder, or one rendition as the params ask; upright, without metadata."""

from base64 import b64encode

import numpy as np
from PIL import Image

from contracts.events import Json, Params
from services.analyzer.algorithm import Finding, House, Rendition, object_schema, params_schema, whole
from services.analyzer.algorithms.sizes import LONGEST, UNASKED, size_for
from services.analyzer.algorithms.thumbhash import LARGEST, thumbhash
from services.analyzer.decoded import DecodedImage, fit
from services.analyzer.encoding import FORMAT, QUALITY, encoded, house_format, rendition, renditions_schema

SIDE: Json = {"type": "integer", "minimum": 1, "maximum": LONGEST}


class Thumbnail(House):
    name = "thumbnail"
    version = 1
    description = (
        "Renditions of at most 128, 512 and 1600 px, upright and never enlarged, and a ThumbHash; "
        "with params one rendition of the size, fit, format and quality asked."
    )
    params_schema = params_schema(
        width=SIDE,
        height=SIDE | {"description": f"the other side follows; with neither, both are {UNASKED}"},
        fit={
            "enum": ["contain", "cover", "fill"],
            "default": "contain",
            "description": "contain: all of it, within the size, never enlarged; "
            "cover: exactly the size, its middle; fill: exactly the size, stretched",
        },
        format=FORMAT | {"description": "JPEG unless given, WebP where a pixel is transparent"},
        quality=QUALITY,
    )
    result_schema = object_schema(
        renditions=renditions_schema(["thumb", "small", "large", "thumbnail"]),
        thumbhash={"type": "string", "description": "base64; without params alone"},
    ) | {"required": ["renditions"]}

    def analyze(self, image: DecodedImage, params: Params) -> Finding:
        return _asked(image, params) if params else _house(image)


def _house(image: DecodedImage) -> Finding:
    pictures = {"thumb": image.thumb, "small": image.small, "large": image.large}
    made = {picture.size: _as_file(picture) for picture in pictures.values()}
    renditions = tuple(rendition(image.sha256, name, one, *made[one.size]) for name, one in pictures.items())
    return Finding({"renditions": _described(*renditions), "thumbhash": _placeholder(image.thumb)}, renditions)


def _asked(image: DecodedImage, params: Params) -> Finding:
    size = size_for(image.header.size, params, image.caps.pixels)
    picture = image.sized(size, cropped=params.get("fit") == "cover")
    format = params.get("format") or house_format(picture)
    data = encoded(picture, format, whole(params, "quality"))
    one = rendition(image.sha256, "thumbnail", picture, format, data)
    return Finding({"renditions": _described(one)}, (one,))


def _as_file(picture: Image.Image) -> tuple[str, bytes]:
    """Format and bytes."""
    format = house_format(picture)
    return format, encoded(picture, format)


def _described(*renditions: Rendition) -> list[Json]:
    return [one.described() for one in renditions]


def _placeholder(thumb: Image.Image) -> str:
    tiny = thumb.resize(fit(thumb.size, LARGEST), Image.Resampling.HAMMING).convert("RGBA")
    return b64encode(thumbhash(np.asarray(tiny))).decode()
