"""A file name that is safe to store, to show and to put into a header, made from whatever a client sent."""

import re
import unicodedata

from services.ingest.headers import EXTENSIONS

MOST_BYTES = 255
_BIDI = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
_UNSAFE = re.compile(f"[\u0000-\u001f\u007f-\u009f\u2028\u2029\ud800-\udfff\ufeff{_BIDI}]")


def safe(name: str | None, media_type: str) -> str:
    """What `cleaned` leaves of `name`, else `image` with the extension of the media type."""
    return cleaned(name or "") or f"image.{EXTENSIONS[media_type]}"


def cleaned(name: str) -> str:
    """The last part of a path without control characters and marks of direction, of at most 255 bytes of UTF-8.

    Empty where nothing is left that names anything.
    """
    last = re.split(r"[/\\]", _UNSAFE.sub("", name))[-1]
    found = unicodedata.normalize("NFC", last).strip()
    return _cut(found) if found.strip(". ") else ""


def _cut(name: str) -> str:
    """To MOST_BYTES, in its stem, so that the extension survives."""
    stem, dot, extension = name.rpartition(".")
    tail = dot + extension if stem and len(extension) <= 16 else ""
    room = MOST_BYTES - len(tail.encode())
    head = name.removesuffix(tail).encode()
    return head[:room].decode(errors="ignore") + tail
