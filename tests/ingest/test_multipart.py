from collections.abc import AsyncIterator

import pytest

from contracts.problems import Problem
from services.ingest.multipart import MOST_FIELD_BYTES, Form, boundary, read_form

KNOWN = ("title", "tags")


def part(disposition: str, body: bytes, *more: str) -> bytes:
    head = "\r\n".join((f"Content-Disposition: form-data; {disposition}", *more)).encode()
    return b"--XX\r\n" + head + b"\r\n\r\n" + body + b"\r\n"


def form(*parts: bytes) -> bytes:
    return b"".join(parts) + b"--XX--\r\n"


async def read(body: bytes, step: int = 7) -> tuple[Form, bytes]:
    async def pieces() -> AsyncIterator[bytes]:
        for at in range(0, len(body), step):
            yield body[at : at + step]

    got = bytearray()

    async def write(piece: bytes) -> None:
        got.extend(piece)

    return await read_form(pieces(), "XX", KNOWN, write), bytes(got)


FILE = part('name="file"; filename="a.jpg"', b"\xff\xd8bytes\r\n--X\r\n", "Content-Type: image/jpeg")


@pytest.mark.parametrize("step", [1, 2, 7, 1000])
async def test_text_and_bytes_come_apart_however_they_are_cut(step: int) -> None:
    title = part('name="title"', "Zürich".encode())
    tags = part('name="tags"', b"a"), part('name="tags"', b"b")
    for parts in ((title, *tags, FILE), (FILE, *tags, title), (*tags[:1], FILE, title, *tags[1:])):
        found, bytes_ = await read(form(*parts), step)
        assert found == Form({"title": ["Zürich"], "tags": ["a", "b"]}, "a.jpg")
        assert bytes_ == b"\xff\xd8bytes\r\n--X\r\n"


@pytest.mark.parametrize(
    ("disposition", "name"),
    [
        ('name="file"', None),
        ('name="file"; filename=""', ""),
        ('name="file"; filename="ü%22.jpg"', 'ü".jpg'),
        ('filename="x.png"; name="file"', "x.png"),
        (f'name="file"; filename="{"a" * 10_000}"', "a" * 10_000),
    ],
)
async def test_a_file_may_be_called_anything_or_nothing(disposition: str, name: str | None) -> None:
    found, _ = await read(form(part(disposition, b"1")), 100)
    assert found.filename == name


WRONG = {
    "no file": form(part('name="title"', b"x")),
    "no parts": b"--XX--\r\n",
    "two files": form(FILE, FILE),
    "an unknown field": form(FILE, part('name="colour"', b"red")),
    "a part without a name": form(FILE, part('filename="x"', b"red")),
    "a field too long": form(part('name="title"', b"x" * (MOST_FIELD_BYTES + 1)), FILE),
    "too much text": form(*[part('name="tags"', b"x" * MOST_FIELD_BYTES)] * 5, FILE),
    "no text": form(part('name="title"', b"\xff\xfe"), FILE),
}


@pytest.mark.parametrize("name", WRONG)
async def test_a_form_that_is_well_formed_and_wrong_says_where(name: str) -> None:
    with pytest.raises(Problem) as refused:
        await read(WRONG[name], 1000)
    assert refused.value.type.slug == "invalid-request"
    assert refused.value.errors[0].pointer.startswith("/")


MALFORMED = {
    "nothing": b"",
    "another boundary": form(FILE).replace(b"--XX", b"--YY"),
    "cut in the bytes": form(FILE)[:100],
    "cut before its end": form(FILE)[:-6],
    "cut in a header": form(FILE)[:20],
    "no disposition": b"--XX\r\nContent-Type: text/plain\r\n\r\nx\r\n--XX--\r\n",
    "an endless header": b"--XX\r\nX: " + b"a" * 100_000,
    "many parts": form(*[part('name="tags"', b"x")] * 300, FILE),
    "bare line feeds": form(FILE).replace(b"\r\n", b"\n"),
    "not a form": b"\x00" * 5000,
}


@pytest.mark.parametrize("name", MALFORMED)
async def test_a_malformed_form_is_told_so(name: str) -> None:
    with pytest.raises(Problem) as refused:
        await read(MALFORMED[name], 1000)
    assert refused.value.type.slug == "malformed-request"


async def test_what_follows_the_form_is_ignored() -> None:
    found, _ = await read(form(FILE) + b"and then some", 10)
    assert found.filename == "a.jpg"


def test_a_boundary_is_read_with_and_without_quotes() -> None:
    assert boundary("multipart/form-data; boundary=abc") == "abc"
    assert boundary('Multipart/Form-Data; charset=utf-8; boundary="a b"') == "a b"
    assert boundary("image/jpeg") is None
    assert boundary("") is None


@pytest.mark.parametrize("options", ["", "; boundary=", '; boundary=""', f"; boundary={'a' * 71}", '; boundary="é"'])
def test_an_unusable_boundary_is_refused(options: str) -> None:
    with pytest.raises(Problem) as refused:
        boundary("multipart/form-data" + options)
    assert refused.value.type.slug == "malformed-request"
