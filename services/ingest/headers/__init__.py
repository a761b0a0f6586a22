"""What the first bytes of a picture say of it. No pixel is decoded, no length is trusted, nothing is decompressed.

Pillow would do this too, but reads WebP, AVIF and HEIC whole into memory before it answers; a picture that streams
through ingest is never whole in memory. The tests hold these readers to Pillow's answers.
"""

from collections.abc import Callable, Mapping

from services.ingest.headers.bitmaps import bmp, gif, jpeg, png, webp
from services.ingest.headers.boxes import avif, brands, heic
from services.ingest.headers.tiff import tiff
from services.ingest.headers.window import Absent, Broken, Header, Window

__all__ = ["EXTENSIONS", "READERS", "SNIFFED", "Absent", "Broken", "Header", "Window", "sniff"]

SNIFFED = 256

READERS: Mapping[str, Callable[[Window], Header]] = {
    "image/jpeg": jpeg,
    "image/png": png,
    "image/gif": gif,
    "image/webp": webp,
    "image/avif": avif,
    "image/tiff": tiff,
    "image/bmp": bmp,
    "image/heic": heic,
}
EXTENSIONS: Mapping[str, str] = {
    media_type: media_type.partition("/")[2].replace("jpeg", "jpg") for media_type in READERS
}
_MAGIC = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"BM", "image/bmp"),
    (b"II*\0", "image/tiff"),
    (b"MM\0*", "image/tiff"),
    (b"II+\0", "image/tiff"),
    (b"MM\0+", "image/tiff"),
)
_AVIF = {b"avif", b"avis"}
_HEIC = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}


def sniff(head: bytes) -> str | None:
    """The media type that the first SNIFFED bytes tell, or None where they are of nothing accepted."""
    if head[:4] == b"RIFF":
        return "image/webp" if head[8:12] == b"WEBP" else None
    if head[4:8] == b"ftyp":
        found = brands(head)
        return "image/avif" if found & _AVIF else "image/heic" if found & _HEIC else None
    return next((media_type for magic, media_type in _MAGIC if head.startswith(magic)), None)
