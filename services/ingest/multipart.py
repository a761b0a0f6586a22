"""`multipart/form-data` as it arrives: text fields are kept, the bytes of `file` go on as they come. RFC 7578."""

from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from dataclasses import dataclass, field

from multipart import MultipartError, MultipartSegment, ParserLimitReached, PushMultipartParser, parse_options_header

from contracts.problems import FieldError, Problem, invalid

FILE = "file"
MOST_FIELD_BYTES = 64 * 1024
MOST_TEXT_BYTES = 256 * 1024
MOST_PARTS = 256
MOST_HEADER_BYTES = 16 * 1024
MOST_BOUNDARY = 70

Fields = dict[str, list[str]]


@dataclass(slots=True)
class Form:
    """What came beside the bytes: text by field name, and the file's name as the client gave it."""

    fields: Fields = field(default_factory=dict)
    filename: str | None = None


def boundary(content_type: str) -> str | None:
    """The boundary of a multipart form, None where the body is none. Raises `malformed-request` for an unusable one."""
    kind, options = parse_options_header(content_type)
    if kind != "multipart/form-data":
        return None
    found: str = options.get("boundary", "")
    if not 1 <= len(found) <= MOST_BOUNDARY or not found.isascii():
        raise Problem("malformed-request", f"The boundary of the form must have 1 to {MOST_BOUNDARY} characters.")
    return found


async def read_form(
    body: AsyncIterator[bytes], boundary: str, known: Collection[str], write: Callable[[bytes], Awaitable[None]]
) -> Form:
    """Reads to the end of the form, handing each piece of `file` to `write` before the next is read.

    Raises the Problems `malformed-request`, and `invalid-request` for a field that is not `known`, is too long or is
    no text, for a second file, and for none.
    """
    reading = _Reading(known, write)
    try:
        with PushMultipartParser(
            boundary, max_segment_count=MOST_PARTS, max_header_size=MOST_HEADER_BYTES, header_charset="utf8"
        ) as parser:
            async for chunk in body:
                if parser.closed:
                    continue
                for event in parser.parse(chunk):
                    await reading.take(event)
    except ParserLimitReached as error:
        raise Problem("malformed-request", f"The form has too many or too long parts: {error}.") from None
    except MultipartError as error:
        raise Problem("malformed-request", f"The form is malformed: {error}.") from None
    if not reading.files:
        raise _invalid(FILE, "Send the image in a part with this name.")
    return reading.form


class _Reading:
    """One form on its way: which part is being read, and what the parts before it said."""

    def __init__(self, known: Collection[str], write: Callable[[bytes], Awaitable[None]]) -> None:
        self.form = Form()
        self.files = 0
        self._known = known
        self._write = write
        self._name = ""
        self._text = bytearray()
        self._text_bytes = 0

    async def take(self, event: MultipartSegment | bytes | None) -> None:
        """One event of the parser: a part's header, a piece of its body, or None for its end."""
        if isinstance(event, MultipartSegment):
            self._start(event)
        elif event is None:
            self._end()
        elif self._name == FILE:
            await self._write(event)
        else:
            self._add(event)

    def _start(self, part: MultipartSegment) -> None:
        self._name = part.name
        if part.name == FILE:
            self.files += 1
            self.form.filename = part.filename
            if self.files > 1:
                raise _invalid(FILE, "Send one image at a time.")
        elif part.name not in self._known:
            raise _invalid(part.name[:100], f"No such field; known are {FILE}, {', '.join(sorted(self._known))}.")

    def _add(self, piece: bytes) -> None:
        self._text += piece
        self._text_bytes += len(piece)
        if len(self._text) > MOST_FIELD_BYTES or self._text_bytes > MOST_TEXT_BYTES:
            raise _invalid(
                self._name, f"A field may have {MOST_FIELD_BYTES:,} bytes, all together {MOST_TEXT_BYTES:,}."
            )

    def _end(self) -> None:
        if self._name == FILE:
            return
        try:
            self.form.fields.setdefault(self._name, []).append(self._text.decode())
        except UnicodeDecodeError:
            raise _invalid(self._name, "This is not UTF-8.") from None
        self._text.clear()


def _invalid(name: str, detail: str) -> Problem:
    return invalid(FieldError(pointer=f"/{name}", detail=detail))
