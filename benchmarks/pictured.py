"""What algorithms would have found in a picture that does not exist, in the shapes of their result schemas."""

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from contracts import ids
from contracts.events import Json
from contracts.images import Image

EPOCH = datetime(2010, 1, 1, tzinfo=UTC)
MAKES = ("Canon", "NIKON CORPORATION", "SONY", "Apple", "Google", "FUJIFILM", "OLYMPUS", "Panasonic")
LONGEST = {"thumb": 128, "small": 512, "large": 1600}


def found_in(image: Image, draw: random.Random, words: Sequence[str]) -> dict[str, dict[str, Json]]:
    """Results by algorithm: the house's own for every image, `classification` and `caption` for a quarter."""
    found = {
        "metadata": _metadata(image),
        "exif": _exif(draw),
        "thumbnail": _thumbnail(image, draw),
        "colors": _colors(draw),
        "hash": {"phash": f"{draw.getrandbits(64):016x}", "dhash": f"{draw.getrandbits(64):016x}"},
        "quality": {
            name: round(draw.random(), 4) for name in ("sharpness", "exposure", "contrast", "entropy", "brightness")
        },
    }
    if draw.random() < 0.25:
        found["classification"] = {"labels": [{"label": _label(draw), "score": draw.random()} for _ in range(5)]}
        found["caption"] = {"caption": " ".join(words), "model": "made up"}
    return found


def camera(draw: random.Random) -> str:
    return f"{MAKES[int(len(MAKES) * draw.random() ** 2)]} Model {int(12 * draw.random() ** 2)}"


def _metadata(image: Image) -> dict[str, Json]:
    return {
        "width": image.content.width,
        "height": image.content.height,
        "format": "JPEG",
        "mode": "RGB",
        "frames": 1,
        "animated": False,
        "has_alpha": False,
        "icc_profile": "sRGB IEC61966-2.1",
        "orientation": 1,
        "bits": 8,
    }


def _exif(draw: random.Random) -> dict[str, Json]:
    make, _, model = camera(draw).partition(" Model ") if draw.random() < 0.8 else ("", "", "")
    taken = EPOCH + timedelta(seconds=draw.randrange(15 * 365 * 86_400))
    return {
        "make": make or None,
        "model": f"Model {model}" if make else None,
        "lens": "EF 24-70mm f/2.8L II USM" if make else None,
        "software": None,
        "artist": None,
        "copyright": None,
        "taken_at": taken.isoformat().replace("+00:00", "Z") if make else None,
        "exposure_time": 0.004,
        "f_number": 2.8,
        "iso": draw.choice((100, 200, 400, 800)),
        "focal_length": 35.0,
        "focal_length_35mm": None,
        "flash": False,
        "gps": {"latitude": 48.137154, "longitude": 11.576124, "altitude": 520.0} if draw.random() < 0.3 else None,
        "note": None,
    }


def _thumbnail(image: Image, draw: random.Random) -> dict[str, Json]:
    return {
        "renditions": [_rendition(image, name, longest, draw) for name, longest in LONGEST.items()],
        "thumbhash": "3OcRJYB4d3h/iIeHeEh3eIhw+j2w",
    }


def _rendition(image: Image, name: str, longest: int, draw: random.Random) -> dict[str, Json]:
    sha256 = f"{draw.getrandbits(256):064x}"
    return {
        "name": name,
        "width": longest,
        "height": longest * 3 // 4,
        "media_type": "image/jpeg",
        "size": longest * longest // 8,
        "sha256": sha256,
        "key": ids.rendition_key(image.content.sha256, sha256),
    }


def _colors(draw: random.Random) -> dict[str, Json]:
    """Photographs are mostly grey and brown: each channel strays little from a common brightness."""
    palette = [{"color": _color(draw), "share": share} for share in (0.4, 0.2, 0.15, 0.1, 0.06, 0.05, 0.03, 0.01)]
    return {"dominant": palette[0]["color"], "average": _color(draw), "palette": palette}


def _color(draw: random.Random) -> str:
    grey, strays = draw.randrange(256), 25 if draw.random() < 0.8 else 150
    return "#" + bytes(min(255, max(0, int(draw.gauss(grey, strays)))) for _ in range(3)).hex()


def _label(draw: random.Random) -> str:
    return f"label {int(1_000 * draw.random() ** 2)}"
