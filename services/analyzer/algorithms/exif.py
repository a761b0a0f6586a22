"""What the camera wrote beside the picture (CIPA DC-008, EXIF 2.32). Every value is null where it is missing or odd."""

import math
import re
from collections import ChainMap
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, TypeVar

from PIL.ExifTags import GPS, IFD, Base
from PIL.Image import Exif

from contracts.events import Json, Params
from services.analyzer.algorithm import Finding, House, object_schema
from services.analyzer.decoded import DecodedImage
from services.analyzer.opening import complaints

LONGEST = 200
Tags = Mapping[int, Any]
T = TypeVar("T")

TEXT = {"type": ["string", "null"], "maxLength": LONGEST}
NUMBER = {"type": ["number", "null"]}
DATED = (
    (Base.DateTimeOriginal, Base.OffsetTimeOriginal),
    (Base.DateTimeDigitized, Base.OffsetTimeDigitized),
    (Base.DateTime, Base.OffsetTime),
)
_TIME = re.compile(r"(\d{4})\D(\d\d)\D(\d\d)\D(\d\d)\D(\d\d)\D(\d\d)")
_OFFSET = re.compile(r"([+-])(\d\d):(\d\d)")
_UNPRINTABLE = re.compile(r"[\x00-\x20\x7f-\xa0\ud800-\udfff]+")


class ExifFacts(House):
    name = "exif"
    version = 1
    description = "Camera, lens, exposure, time and place, as the camera wrote them."
    result_schema = object_schema(
        make=TEXT,
        model=TEXT,
        lens=TEXT,
        software=TEXT,
        artist=TEXT,
        copyright=TEXT,
        taken_at={"type": ["string", "null"], "format": "date-time", "description": "UTC if no offset was written"},
        exposure_time={**NUMBER, "description": "seconds"},
        f_number=NUMBER,
        iso={"type": ["integer", "null"]},
        focal_length={**NUMBER, "description": "millimetres"},
        focal_length_35mm={**NUMBER, "description": "millimetres on 35 mm film"},
        flash={"type": ["boolean", "null"]},
        gps={
            "oneOf": [
                {"type": "null"},
                object_schema(
                    latitude={"type": "number", "minimum": -90, "maximum": 90},
                    longitude={"type": "number", "minimum": -180, "maximum": 180},
                    altitude={**NUMBER, "description": "metres above the sea"},
                ),
            ]
        },
        note={**TEXT, "description": "what is wrong with the EXIF"},
    )

    def analyze(self, image: DecodedImage, params: Params) -> Finding:
        with complaints() as heard:  # Pillow reads a directory when it is first asked for
            found = self._read(image.header.exif)
        note = image.header.exif_note or next(iter(heard), None)
        return Finding({**found, "note": printable(note) if note else None})

    def _read(self, exif: Exif) -> dict[str, Json]:
        shot = or_none(lambda: exif.get_ifd(IFD.Exif)) or {}
        place = or_none(lambda: exif.get_ifd(IFD.GPSInfo)) or {}
        return {
            "make": text(exif, Base.Make),
            "model": text(exif, Base.Model),
            "lens": text(shot, Base.LensModel),
            "software": text(exif, Base.Software),
            "artist": text(exif, Base.Artist),
            "copyright": text(exif, Base.Copyright),
            "taken_at": taken_at(ChainMap(shot, exif)),
            "exposure_time": number(shot, Base.ExposureTime, most=1e6),
            "f_number": number(shot, Base.FNumber, most=1e3),
            "iso": whole(number(shot, Base.ISOSpeedRatings, most=1e8)),
            "focal_length": number(shot, Base.FocalLength, most=1e5),
            "focal_length_35mm": number(shot, Base.FocalLengthIn35mmFilm, most=1e5),
            "flash": or_none(lambda: bool(int(shot[Base.Flash]) & 1)),
            "gps": gps(place),
        }


def text(tags: Tags, tag: int) -> str | None:
    return or_none(lambda: printable(tags[tag]))


def printable(value: Any) -> str | None:
    """Text of one line, or None if nothing is left. Cameras pad with spaces and NULs."""
    raw = value.decode("utf-8", errors="replace") if isinstance(value, bytes) else value
    return _UNPRINTABLE.sub(" ", raw).strip()[:LONGEST].strip() or None


def number(tags: Tags, tag: int, most: float) -> float | None:
    """A positive number of at most six significant digits; zero means unknown in EXIF."""
    return or_none(lambda: _number(tags[tag], most))


def whole(value: float | None) -> int | None:
    return None if value is None else round(value)


def taken_at(tags: Tags) -> str | None:
    """When the picture was taken, else digitized, else changed, in RFC 3339."""
    for time, offset in DATED:
        if found := or_none(lambda time=time, offset=offset: _time(tags[time], tags.get(offset))):  # type: ignore[misc]
            return found
    return None


def gps(tags: Tags) -> dict[str, Json] | None:
    """Degrees, south and west negative; None where one of the two is missing or out of range."""
    latitude = or_none(lambda: _degrees(tags[GPS.GPSLatitude], tags.get(GPS.GPSLatitudeRef), "S", 90))
    longitude = or_none(lambda: _degrees(tags[GPS.GPSLongitude], tags.get(GPS.GPSLongitudeRef), "W", 180))
    if latitude is None or longitude is None:
        return None
    return {"latitude": latitude, "longitude": longitude, "altitude": or_none(lambda: _altitude(tags))}


def or_none(read: Callable[[], T]) -> T | None:
    """What `read` gives; None for whatever a damaged tag makes it raise."""
    try:
        return read()
    except MemoryError:
        raise
    except Exception:
        return None


def _number(value: Any, most: float) -> float | None:
    found = float(value[0] if isinstance(value, tuple) else value)
    return float(f"{found:.6g}") if 0 < found <= most else None


def _time(written: Any, offset: Any) -> str | None:
    match = _TIME.match(printable(written) or "")
    if not match:
        return None
    local = datetime(*map(int, match.groups()), tzinfo=_zone(offset))  # type: ignore[misc,arg-type]
    return local.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _zone(offset: Any) -> timezone:
    match = _OFFSET.match(printable(offset) or "") if offset else None
    if not match:
        return UTC
    sign, hours, minutes = match.groups()
    ahead = timedelta(hours=int(hours), minutes=int(minutes))
    return timezone(ahead if sign == "+" else -ahead)


def _degrees(parts: Any, reference: Any, negative: str, most: int) -> float | None:
    degrees, minutes, seconds = (float(part) for part in parts)
    found = degrees + minutes / 60 + seconds / 3600
    if not 0 <= found <= most:  # false for NaN too
        return None
    return round(-found if (printable(reference) or "").upper().startswith(negative) else found, 6)


def _altitude(tags: Tags) -> float | None:
    metres = float(tags[GPS.GPSAltitude])
    below = tags.get(GPS.GPSAltitudeRef) in (1, b"\x01", "\x01")
    return round(-metres if below else metres, 2) if math.isfinite(metres) and metres < 1e6 else None
