"""The original bytes of an image: all of them or a range, or the news that the client has them already."""

from starlette.datastructures import Headers
from starlette.responses import Response

from contracts.images import Image
from contracts.problems import Problem
from services.query.conditional import OutOfRange, Span, disposition, span, unchanged
from services.query.streamed import SAFE, Streamed
from services.query.verified import VerifiedBytes


async def content_answer(stored: VerifiedBytes, image: Image, asked: Headers) -> Response:
    """200, 206 or 304. Raises the Problems `range-not-satisfiable` and `corrupt-object`."""
    content, etag = image.content, f'"{image.content.sha256}"'
    cached = {"ETag": etag, "Cache-Control": "private, no-cache"}
    if unchanged(asked.get("if-none-match"), etag):
        return Response(status_code=304, headers=cached)
    headers = {
        **cached,
        "Content-Type": content.media_type,
        "Content-Disposition": disposition(image.filename),
        "Accept-Ranges": "bytes",
        **SAFE,
    }
    part = _span(asked, etag, content.size)
    if part is None:
        chunks = stored.whole(content.storage_key, content.size, content.sha256)
        return await Streamed.begin(chunks, content.size, 200, headers)
    headers["Content-Range"] = f"bytes {part.first}-{part.last}/{content.size}"
    chunks = stored.part(content.storage_key, content.size, content.sha256, part.first, part.last)
    return await Streamed.begin(chunks, part.length, 206, headers)


def _span(asked: Headers, etag: str, size: int) -> Span | None:
    try:
        return span(asked.get("range"), asked.get("if-range"), etag, size)
    except OutOfRange:
        raise Problem(
            "range-not-satisfiable", f"The image has {size} bytes.", headers={"Content-Range": f"bytes */{size}"}
        ) from None
