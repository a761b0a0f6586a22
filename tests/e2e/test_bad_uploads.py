"""What a hostile or clumsy client sends: each gets its status and its problem, and leaves nothing in the bucket.

The server is real and on loopback; what httpx is too well-behaved to send goes over a bare socket.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import httpx
import orjson
import pytest
import pytest_asyncio

from services.ingest.media import Limits
from tests import pictures
from tests.ingest.serving import MIB, Served, own_house, serving
from tests.running import House, Stack
from tests.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")

PHOTO = pictures.photograph()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(stack: Stack) -> AsyncIterator[House]:
    """One for the whole file: what is refused leaves nothing for the next test to find."""
    async with own_house(stack) as house:
        yield house


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(house: House) -> AsyncIterator[Served]:
    async with serving(house) as served:
        yield served


@pytest_asyncio.fixture(autouse=True, loop_scope="module")
async def emptied(served: Served) -> AsyncIterator[None]:
    yield
    for key in await served.keys():
        await served.objects.delete(key)


async def left(served: Served) -> list[str]:
    """What lies in the bucket, an unfinished upload included."""
    return [*await served.keys(), *(["an unfinished upload"] if await served.unfinished() else [])]


def form(*files: tuple[str, tuple[str, bytes]], **text: Any) -> dict[str, Any]:
    return {"files": list(files), "data": text}


def photo(data: bytes = PHOTO, name: str = "a.jpg") -> tuple[str, tuple[str, bytes]]:
    return "file", (name, data)


def problem(answer: httpx.Response, status: int, slug: str) -> dict[str, Any]:
    """The body, which must be a whole problem of this kind."""
    body: dict[str, Any] = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert (answer.status_code, body["status"], body["type"]) == (status, status, f"/problems/{slug}"), body
    assert body["request_id"] == answer.headers["x-request-id"]
    assert body["instance"] == answer.request.url.path
    assert body["title"]
    assert body["detail"]
    assert ("errors" in body) == (status == 422)
    return body


REFUSED: dict[str, tuple[dict[str, Any], int, str]] = {
    "no body": ({"content": b""}, 415, "unsupported-media-type"),
    "JSON": ({"json": {"file": "x"}}, 415, "unsupported-media-type"),
    "an url-encoded form": ({"data": {"title": "x"}}, 415, "unsupported-media-type"),
    "an empty file": (form(photo(b"")), 422, "empty-upload"),
    "two files": (form(photo(), photo()), 422, "invalid-request"),
    "no file": (form(("title", (None, b"x"))), 422, "invalid-request"),  # type: ignore[arg-type]
    "the file under another name": (form(("image", ("a.jpg", PHOTO))), 422, "invalid-request"),
    "an unknown field": (form(photo(), colour="red"), 422, "invalid-request"),
    "a field over 64 kB": (form(photo(), description="x" * 65_537), 422, "invalid-request"),
    "a title over its length": (form(photo(), title="x" * 501), 422, "invalid-request"),
    "a title sent twice": (form(photo(), title=["a", "b"]), 422, "invalid-request"),
    "a title with a NUL": (form(photo(), title="a\0b"), 422, "invalid-request"),
    "too many tags": (form(photo(), tags=[f"t{number}" for number in range(101)]), 422, "invalid-request"),
    "an unknown visibility": (form(photo(), visibility="friends"), 422, "invalid-request"),
    "an unknown algorithm": (form(photo(), algorithms=["thumbnail", "magic"]), 422, "invalid-request"),
    "a boundary missing": (
        {"content": b"--x--\r\n", "headers": {"content-type": "multipart/form-data"}},
        400,
        "malformed-request",
    ),
    "a boundary too long": (
        {"content": b"--x--\r\n", "headers": {"content-type": "multipart/form-data; boundary=" + "x" * 71}},
        400,
        "malformed-request",
    ),
    "a form that ends too early": (
        {"content": b"--x\r\nContent-Disp", "headers": {"content-type": "multipart/form-data; boundary=x"}},
        400,
        "malformed-request",
    ),
    "no form at all": (
        {"content": PHOTO, "headers": {"content-type": "multipart/form-data; boundary=x"}},
        400,
        "malformed-request",
    ),
    "a header of 65500 × 65500, PNG": (form(photo(pictures.huge_header_png())), 422, "too-many-pixels"),
    "a header of 65500 × 65500, JPEG": (form(photo(pictures.huge_header_jpeg())), 422, "too-many-pixels"),
    "225 megapixels in 27 kB": (form(photo(pictures.png_bomb())), 422, "too-many-pixels"),
    "20,000 frames": (form(photo(pictures.gif_of(20_000))), 422, "too-many-frames"),
    "a JPEG cut in its header": (form(photo(PHOTO[:300])), 422, "undecodable-image"),
    "over the cap": (form(photo(PHOTO + bytes(20 * MIB))), 413, "too-large"),
    **{
        f"{suffix} under an image's name": (form(photo(data, "a.jpg")), 415, "unsupported-media-type")
        for suffix, data in pictures.not_images().items()
    },
    "a large PDF": (form(photo(b"%PDF-1.7" + bytes(15 * MIB))), 415, "unsupported-media-type"),
}


@pytest.mark.parametrize("what", REFUSED)
async def test_a_refused_upload_says_why_and_leaves_nothing(served: Served, what: str) -> None:
    request, status, slug = REFUSED[what]
    async with served.client() as client:
        answer = await client.post("/v1/images", **request)
        body = problem(answer, status, slug)
        assert await left(served) == []
        if slug == "invalid-request":
            assert all(one["pointer"].startswith("/") and one["detail"] for one in body["errors"])
        assert (await client.post("/v1/images", **form(photo()))).status_code == 201


ACCEPTED: dict[str, bytes] = {
    "a text bomb": pictures.text_bomb(50 * MIB),
    "a profile bomb": pictures.profile_bomb(50 * MIB),
    "half a JPEG": pictures.truncated_jpeg(),
    "a PNG of a wrong checksum": pictures.bad_png_crc(),
    **{f"broken EXIF, {name}": data for name, data in pictures.broken_exif().items()},
    **pictures.in_every_mode(),
}


@pytest.mark.parametrize("what", ACCEPTED)
async def test_what_only_a_decoder_can_judge_is_accepted_at_once(served: Served, what: str) -> None:
    async with served.client() as client:
        async with asyncio.timeout(5):
            answer = await client.post("/v1/images", **form(photo(ACCEPTED[what])))
    assert answer.status_code == 201, answer.text


NAMES = {
    "../../etc/passwd": "passwd",
    "..\\..\\boot.ini": "boot.ini",
    "a\r\nX-Evil: 1.jpg": "aX-Evil: 1.jpg",
    "a" * 10_000 + ".jpg": "a" * 251 + ".jpg",
    "\u202egpj.exe": "gpj.exe",
    'quo"te.jpg': 'quo"te.jpg',
    "": "image.jpg",
    "/": "image.jpg",
}


@pytest.mark.parametrize("name", NAMES)
async def test_a_file_name_is_made_safe(served: Served, name: str) -> None:
    async with served.client() as client:
        answer = await client.post("/v1/images", **form(photo(name=name)))
    assert (answer.status_code, answer.json()["filename"]) == (201, NAMES[name])


HEAD = "POST /v1/images HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=XX\r\n"
BODY = b'--XX\r\nContent-Disposition: form-data; name="file"; filename="a.jpg"\r\n\r\n' + PHOTO + b"\r\n--XX--\r\n"


async def send(served: Served, head: str, *pieces: bytes, hang_up: bool = False) -> bytes:
    """What the server says until it closes the connection, or for five seconds after the last piece."""
    reader, writer = await asyncio.open_connection(served.host, served.port)
    signed = f"\r\nAuthorization: {served.bearer['Authorization']}\r\n" if head.startswith("POST") else "\r\n"
    writer.write(head.replace("\r\n", signed, 1).encode() + b"\r\n")
    for piece in pieces:
        writer.write(piece)
        await writer.drain()
        await asyncio.sleep(0.05)
    if hang_up:
        writer.transport.abort()
        return b""
    try:
        async with asyncio.timeout(5):
            return await reader.read()
    except TimeoutError:
        return bytes(reader._buffer)  # type: ignore[attr-defined]
    finally:
        writer.close()


def said(answer: bytes) -> tuple[int, dict[str, Any]]:
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"application/problem+json" in head
    length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
    return int(answer.split()[1]), orjson.loads(body[:length])


async def test_a_body_shorter_than_it_says_is_waited_for_only_so_long(house: House) -> None:
    async with serving(house, idle=0.5) as served:
        answer = await send(served, HEAD + f"Content-Length: {len(BODY) + 100}\r\n", BODY[:-10])
        status, body = said(answer)
        assert (status, body["type"]) == (408, "/problems/request-timeout")
        assert await left(served) == []


async def test_a_body_longer_than_it_says_is_cut_there(served: Served) -> None:
    status, body = said(await send(served, HEAD + f"Content-Length: {len(BODY) - 50}\r\n", BODY))
    assert (status, body["type"]) == (400, "/problems/malformed-request")
    assert await left(served) == []


@pytest.mark.parametrize("sent", [100, len(BODY) // 2, 8 * MIB])
async def test_a_client_that_leaves_half_way_leaves_nothing(served: Served, sent: int) -> None:
    whole = BODY[:-10] + bytes(12 * MIB)
    await send(served, HEAD + f"Content-Length: {len(whole)}\r\n", whole[:sent], hang_up=True)
    async with asyncio.timeout(10), served.budget.reserve(96 * MIB):
        assert await left(served) == []


async def test_a_body_in_chunks_needs_no_length(served: Served) -> None:
    chunks = [b"%x\r\n%s\r\n" % (len(piece), piece) for piece in (BODY[:1000], BODY[1000:])]
    answer = await send(served, HEAD + "Transfer-Encoding: chunked\r\nConnection: close\r\n", *chunks, b"0\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 201")


async def test_a_client_that_trickles_is_not_waited_for(house: House) -> None:
    async with serving(house, idle=0.5) as served:
        reader, writer = await asyncio.open_connection(served.host, served.port)
        signed = f"Authorization: {served.bearer['Authorization']}\r\n"
        writer.write((HEAD + signed + f"Content-Length: {len(BODY)}\r\n\r\n").encode())
        answer = asyncio.create_task(reader.read())
        for at in range(0, 4_000, 100):
            writer.write(BODY[at : at + 100])
            await asyncio.wait((answer,), timeout=0.1)
            if answer.done():
                break
        assert answer.done(), "4 s of 1 kB/s were waited for"
        status, body = said(answer.result())
        assert (status, body["type"]) == (408, "/problems/request-timeout")
        writer.close()


async def test_a_name_with_a_raw_nul_is_made_safe(served: Served) -> None:
    body = BODY.replace(b"a.jpg", b"a\0b.jpg")
    answer = await send(served, HEAD + f"Content-Length: {len(body)}\r\nConnection: close\r\n", body)
    assert answer.startswith(b"HTTP/1.1 201")
    assert b'"filename":"ab.jpg"' in answer


async def test_what_is_no_http_is_a_problem_too(served: Served) -> None:
    status, body = said(await send(served, "HELLO\r\n"))
    assert (status, body["type"]) == (400, "/problems/malformed-request")


async def test_headers_without_end_are_refused(served: Served) -> None:
    status, body = said(await send(served, HEAD + f"X-Long: {'a' * 70_000}"))
    assert (status, body["type"]) == (400, "/problems/malformed-request")


async def test_a_length_that_is_no_number_is_refused(served: Served) -> None:
    for length in ("-5", "1e3", "5, 6"):
        status, _ = said(await send(served, HEAD + f"Content-Length: {length}\r\n", BODY))
        assert status == 400


async def reserved(client: httpx.AsyncClient, size: str) -> bool:
    return f"framelog_upload_bytes_reserved {size}\n" in (await client.get("/metrics")).text


async def test_more_uploads_than_memory_wait_and_are_then_refused(house: House) -> None:
    async with serving(house, budget=8 * MIB, patience=0.5) as served, served.client() as client:
        slow = asyncio.create_task(
            send(served, HEAD + f"Content-Length: {6 * MIB}\r\n", BODY[:-10], *[bytes(10_000)] * 40, hang_up=True)
        )
        await until(lambda: reserved(client, "5.505024e+06"))
        refused = await client.post("/v1/images", **form(photo(PHOTO + bytes(5 * MIB))))
        problem(refused, 503, "unavailable")
        assert int(refused.headers["retry-after"]) > 0
        small = await client.post("/v1/images", **form(photo()))
        assert small.status_code == 201
        await slow
        await until(lambda: reserved(client, "0.0"))
        assert (await client.post("/v1/images", **form(photo(PHOTO + bytes(5 * MIB))))).status_code == 201


async def test_uploads_wait_for_memory_in_their_order(house: House) -> None:
    async with serving(house, budget=8 * MIB, patience=20) as served, served.client() as client:
        bodies = [PHOTO + bytes(7 * MIB + number) for number in range(6)]
        answers = await asyncio.gather(*(client.post("/v1/images", **form(photo(body))) for body in bodies))
    assert [answer.status_code for answer in answers] == [201] * 6


async def test_the_caps_are_settings(house: House) -> None:
    limits = Limits(bytes=20_000, pixels=10_000, frames=2, animation_pixels=10_000)
    async with serving(house, limits=limits) as served, served.client() as client:
        for data, status, slug in (
            (PHOTO, 413, "too-large"),
            (pictures.photograph(101, 100), 422, "too-many-pixels"),
            (pictures.animated(frames=3, width=20, height=20), 422, "too-many-frames"),
            (pictures.animated(frames=2, width=90, height=80), 422, "too-many-frames"),
        ):
            problem(await client.post("/v1/images", **form(photo(data))), status, slug)
        assert await left(served) == []


async def test_a_store_that_is_down_leaves_a_client_with_patience(house: House) -> None:
    away = replace(house, stack=replace(house.stack, s3="http://127.0.0.1:1"))
    async with serving(away) as served, served.client() as client:
        answer = await client.post("/v1/images", **form(photo()))
        problem(answer, 503, "unavailable")
        assert int(answer.headers["retry-after"]) >= 1
