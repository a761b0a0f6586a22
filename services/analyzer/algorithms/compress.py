"""The picture at its full size in another file: at a quality, or at the best one whose file is small enough."""

from bisect import bisect_right
from collections.abc import Callable, Mapping
from typing import NamedTuple

from PIL import Image

from contracts.events import Params
from services.analyzer.algorithm import Finding, House, Unable, object_schema, params_schema, whole
from services.analyzer.decoded import DecodedImage
from services.analyzer.encoding import ENCODINGS, FORMAT, QUALITY, encoded, rendition, renditions_schema

BEST = 95  # of what is searched unless more is asked: beyond it files grow and pictures do not
# Files smaller by 5 to 20 % for a tenth of a second more at 12 MP.
SMALLER: Mapping[str, Mapping[str, int]] = {"jpeg": {"progressive": True}, "webp": {"method": 2}}


class Encoded(NamedTuple):
    data: bytes
    quality: int | None


class Compress(House):
    name = "compress"
    version = 1
    description = (
        "The picture at full size, upright, in another file: at a quality, or at the best that fits into target_bytes."
    )
    params_schema = params_schema(
        "format",
        format=FORMAT,
        quality=QUALITY | {"description": f"{QUALITY['description']}; with target_bytes the best tried ({BEST})"},
        target_bytes={
            "type": "integer",
            "minimum": 1,
            "description": "the best quality whose file is no larger; fails where there is none",
        },
    )
    result_schema = object_schema(
        renditions=renditions_schema(["compressed"]),
        quality={"type": ["integer", "null"], "description": "what it was encoded at; null for PNG"},
    )

    def analyze(self, image: DecodedImage, params: Params) -> Finding:
        picture, format = image.full(), params["format"]
        made = _made(picture, format, whole(params, "quality"), whole(params, "target_bytes"))
        if "target_bytes" in params and len(made.data) > params["target_bytes"]:
            raise Unable("algorithm-failed", _too_large(picture, format, made, params["target_bytes"]))
        one = rendition(image.sha256, "compressed", picture, format, made.data)
        return Finding({"renditions": [one.described()], "quality": made.quality}, (one,))


def _made(picture: Image.Image, format: str, quality: int | None, most: int | None) -> Encoded:
    def encode(quality: int | None) -> bytes:
        return encoded(picture, format, quality, **SMALLER.get(format, {}))

    usual = ENCODINGS[format].quality
    if usual is None:
        return Encoded(encode(None), None)
    if most is None:
        return Encoded(encode(quality or usual), quality or usual)
    return best_within(encode, quality or BEST, most)


def best_within(encode: Callable[[int], bytes], best: int, most: int) -> Encoded:
    """The highest quality up to `best` whose file has at most `most` bytes; quality 1 where none has.

    Bisection, 8 encodings at most. It takes files to grow with the quality, which they do but for a few bytes.
    """
    made: dict[int, bytes] = {}

    def size(quality: int) -> int:
        made[quality] = encode(quality)
        return len(made[quality])

    quality = best if size(best) <= most else max(1, bisect_right(range(1, best), most, key=size))
    return Encoded(made[quality], quality)


def _too_large(picture: Image.Image, format: str, made: Encoded, most: int) -> str:
    at = "" if made.quality is None else f" at quality {made.quality}"
    size = f"{picture.width} × {picture.height} px"
    return f"{size} in {format} are {len(made.data)} bytes{at}, more than target_bytes {most:g}"
