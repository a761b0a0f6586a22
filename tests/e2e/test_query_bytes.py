"""Originals and renditions over HTTP: whole, in part, not again, and never wrong ones."""

import base64
import hashlib
import os
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import httpx
import pytest
import pytest_asyncio

from contracts import ids
from services.query.verified import HELD_BACK
from tests import events
from tests.events import sha, uid
from tests.query.world import World, world
from tests.running import Stack

pytestmark = pytest.mark.asyncio(loop_scope="module")

MIB = 1024 * 1024
SMALL = bytes(range(256)) * 40
LARGE = os.urandom(HELD_BACK + 3 * MIB + 17)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def at(stack: Stack) -> AsyncIterator[World]:
    async with world(stack) as one:
        yield one


async def stored(at: World, name: str, data: bytes, **changes: Any) -> str:
    """The path of an image's bytes."""
    image = await at.upload(name, content=await at.store(data), **changes)
    return f"/v1/images/{image}/content"


async def corrupted(at: World, name: str, data: bytes, instead: bytes | None) -> str:
    """The same where the bucket holds other bytes, or none."""
    path = await stored(at, name, data)
    key = ids.original_key(hashlib.sha256(data).hexdigest())
    if instead is None:
        await at.objects.delete(key)
    else:
        await at.objects.put(key, instead)
    return path


@pytest.mark.parametrize("data", [b"x", SMALL, LARGE], ids=["one byte", "small", "large"])
async def test_the_original_comes_back_byte_for_byte(at: World, data: bytes) -> None:
    answer = await at.get(await stored(at, f"whole {len(data)}", data))
    assert (answer.status_code, answer.content == data) == (200, True)
    assert answer.headers["content-length"] == str(len(data))
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["etag"] == f'"{hashlib.sha256(data).hexdigest()}"'
    assert answer.headers["accept-ranges"] == "bytes"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "private, no-cache"
    assert answer.headers["content-disposition"].startswith('inline; filename="beach.jpg"')


@pytest.mark.parametrize("data", [SMALL, LARGE], ids=["small", "large"])
@pytest.mark.parametrize(("first", "last"), [(0, 0), (1, 9), (5_000, 10_239), (-17, None), (10_000, None)])
async def test_a_range_is_that_part(at: World, data: bytes, first: int, last: int | None) -> None:
    path = await stored(at, f"ranges {len(data)}", data)
    asked = f"bytes={first}-{'' if last is None else last}" if first >= 0 else f"bytes={first}"
    expected = data[first:] if last is None else data[first : last + 1]
    answer = await at.get(path, headers={"Range": asked})
    assert (answer.status_code, answer.content == expected) == (206, True)
    begin = first % len(data)
    assert answer.headers["content-range"] == f"bytes {begin}-{begin + len(expected) - 1}/{len(data)}"
    assert answer.headers["content-length"] == str(len(expected))


@pytest.mark.parametrize("data", [SMALL, LARGE], ids=["small", "large"])
async def test_the_head_of_the_original_is_all_but_its_bytes(at: World, data: bytes) -> None:
    path = await stored(at, f"head {len(data)}", data)
    got, head = await at.get(path), await at.client.head(path)
    assert (head.status_code, head.content) == (200, b"")
    own = {"date", "x-request-id"}
    assert [one for one in head.headers.items() if one[0] not in own] == [
        one for one in got.headers.items() if one[0] not in own
    ]


async def test_a_range_beyond_the_end_is_refused_with_the_length(at: World) -> None:
    answer = await at.get(await stored(at, "beyond", SMALL), headers={"Range": f"bytes={len(SMALL)}-"})
    assert (answer.status_code, answer.json()["type"]) == (416, "/problems/range-not-satisfiable")
    assert answer.headers["content-range"] == f"bytes */{len(SMALL)}"


@pytest.mark.parametrize("asked", ["bytes=0-1,5-6", "bytes=9-3", "lines=1-2", "bytes=x"])
async def test_what_is_not_one_range_is_answered_with_everything(at: World, asked: str) -> None:
    answer = await at.get(await stored(at, "everything", SMALL), headers={"Range": asked})
    assert (answer.status_code, answer.content == SMALL) == (200, True)


async def test_a_range_of_older_bytes_is_answered_with_everything(at: World) -> None:
    path = await stored(at, "if range", SMALL)
    etag = (await at.get(path)).headers["etag"]
    assert (await at.get(path, headers={"Range": "bytes=0-1", "If-Range": etag})).status_code == 206
    assert (await at.get(path, headers={"Range": "bytes=0-1", "If-Range": '"old"'})).status_code == 200


async def test_bytes_that_the_client_has_are_not_sent_again(at: World) -> None:
    path = await stored(at, "again", SMALL)
    etag = (await at.get(path)).headers["etag"]
    for header in (etag, f"W/{etag}", f'"other", {etag}', "*"):
        answer = await at.get(path, headers={"If-None-Match": header, "Range": "bytes=0-1"})
        assert (answer.status_code, answer.content) == (304, b""), header
        assert answer.headers["etag"] == etag
    assert (await at.get(path, headers={"If-None-Match": '"other"'})).status_code == 200


@pytest.mark.parametrize(
    "name",
    ["../../etc/passwd", 'a".jpg', "a\r\nX-Evil: 1.jpg", "\u202egpj.exe", "Übersee 海.jpg", "%2e%2e", "a;b=c.jpg"],
)
async def test_no_file_name_gets_into_the_headers(at: World, name: str) -> None:
    answer = await at.get(await stored(at, f"named {name}", SMALL, filename=name))
    assert answer.status_code == 200
    assert "x-evil" not in answer.headers
    assert answer.headers["content-disposition"].isascii()
    assert answer.headers["content-disposition"].count('"') == 2
    assert "/" not in answer.headers["content-disposition"].replace("*=UTF-8''", "")


@pytest.mark.parametrize(
    "instead",
    [SMALL[:-1] + b"?", SMALL[:-1], SMALL + b"?", b"", None],
    ids=["changed", "cut", "longer", "empty", "gone"],
)
async def test_wrong_bytes_are_said_to_be_wrong_before_any_is_sent(at: World, instead: bytes | None) -> None:
    unlike = b"%d" % len(instead or b"") + SMALL
    path = await corrupted(at, f"corrupt {instead and len(instead)}", unlike, instead)
    for headers in ({}, {"Range": "bytes=0-9"}, {"Range": "bytes=-1"}):
        answer = await at.get(path, headers=headers)
        assert (answer.status_code, answer.json()["type"]) == (502, "/problems/corrupt-object"), headers


async def test_a_range_of_what_was_sound_and_is_wrong_since_is_not_sent(at: World) -> None:
    data = b"sound once" + SMALL
    path = await stored(at, "sound once", data)
    part = {"Range": "bytes=0-9"}
    assert (await at.get(path, headers=part)).content == data[:10]
    await at.objects.put(ids.original_key(hashlib.sha256(data).hexdigest()), data[:-1] + b"?")
    assert (await at.get(path, headers=part)).status_code == 502
    await at.store(data)
    assert (await at.get(path, headers=part)).content == data[:10]


async def test_a_large_object_with_a_wrong_end_is_never_sent_whole(at: World) -> None:
    data = b"large" + LARGE
    path = await corrupted(at, "corrupt large", data, data[:-1] + b"?")
    received = bytearray()
    with pytest.raises(httpx.RemoteProtocolError):
        await receive(at, path, received)
    assert 0 < len(received) <= len(data) - HELD_BACK
    assert (await at.client.get("/livez")).status_code == 200


async def receive(at: World, path: str, into: bytearray) -> None:
    async with at.client.stream("GET", path) as answer:
        assert answer.status_code == 200
        async for chunk in answer.aiter_bytes():
            into += chunk


async def test_a_client_that_leaves_half_way_disturbs_nobody(at: World) -> None:
    path = await stored(at, "left", b"left" + LARGE)
    for _ in range(24):  # more than may read at once
        async with at.client.stream("GET", path) as answer:
            async for _chunk in answer.aiter_bytes(1000):
                break
    assert (await at.get(path)).content == b"left" + LARGE


# Renditions


async def rendered(at: World, name: str, data: bytes = SMALL, **changes: Any) -> tuple[UUID, str]:
    """An image with one rendition, and the rendition's hash."""
    sha256, original = hashlib.sha256(data).hexdigest(), events.content(name)
    key = ids.rendition_key(original.sha256, sha256)
    await at.objects.put(key, data)
    one = {
        "name": "small",
        "width": 512,
        "height": 384,
        "media_type": "image/webp",
        "size": len(data),
        "sha256": sha256,
        "key": key,
    }
    image = await at.upload(name, {"thumbnail": {"renditions": [one], "thumbhash": ""}}, content=original, **changes)
    return image, sha256


async def test_a_rendition_is_bytes_or_json(at: World) -> None:
    image, sha256 = await rendered(at, "both forms")
    path = f"/v1/images/{image}/renditions/small"
    as_bytes = await at.get(path)
    assert (as_bytes.status_code, as_bytes.content) == (200, SMALL)
    assert as_bytes.headers["content-type"] == "image/webp"
    assert as_bytes.headers["x-content-type-options"] == "nosniff"
    as_json = await at.get(path, headers={"Accept": "application/json"})
    assert as_json.json() == {
        "sha256": sha256,
        "media_type": "image/webp",
        "width": 512,
        "height": 384,
        "base64": base64.b64encode(SMALL).decode(),
    }
    assert as_bytes.headers["etag"] != as_json.headers["etag"]
    for answer in (as_bytes, as_json):
        assert "accept" in answer.headers["vary"].lower()
        assert answer.headers["cache-control"] == "private, no-cache"
    for answer, accept in ((as_bytes, "image/*"), (as_json, "application/json")):
        same = await at.get(path, headers={"If-None-Match": answer.headers["etag"], "Accept": accept})
        assert (same.status_code, same.content) == (304, b"")


async def test_the_address_in_the_image_may_be_kept_for_ever(at: World) -> None:
    image, sha256 = await rendered(at, "for ever")
    (one,) = (await at.until(lambda: shown(at, image)))["renditions"]
    assert one == {
        "name": "small",
        "width": 512,
        "height": 384,
        "media_type": "image/webp",
        "size": len(SMALL),
        "url": one["url"],
    }
    assert one["url"] == f"/v1/images/{image}/renditions/small?v={sha256}"
    answer = await at.get(one["url"])
    assert answer.headers["cache-control"] == "private, max-age=31536000, immutable"
    assert answer.content == SMALL


async def shown(at: World, image: UUID) -> dict[str, Any] | None:
    body: dict[str, Any] = (await at.get(f"/v1/images/{image}")).json()
    return body if body["renditions"] else None


async def test_an_address_with_another_hash_leads_nowhere(at: World) -> None:
    image, _ = await rendered(at, "another hash")
    assert (await at.get(f"/v1/images/{image}/renditions/small?v={sha('x')}")).status_code == 404
    assert (await at.get(f"/v1/images/{image}/renditions/large")).status_code == 404


async def test_renditions_of_a_public_image_are_for_everybody_and_of_a_private_one_not(at: World) -> None:
    public, sha256 = await rendered(at, "public one", owner="bob", visibility="public")
    private, _ = await rendered(at, "private one", owner="bob")
    answer = await at.get(f"/v1/images/{public}/renditions/small?v={sha256}")
    assert (answer.status_code, answer.content) == (200, SMALL)
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert (await at.get(f"/v1/images/{private}/renditions/small")).status_code == 404


async def test_a_rendition_that_is_not_what_its_hash_says_is_not_sent(at: World) -> None:
    image, sha256 = await rendered(at, "corrupt rendition", b"right")
    await at.objects.put(ids.rendition_key(sha("corrupt rendition"), sha256), b"wrong")
    answer = await at.get(f"/v1/images/{image}/renditions/small")
    assert (answer.status_code, answer.json()["type"]) == (502, "/problems/corrupt-object")


async def test_that_a_rendition_is_missing_is_said_only_once_every_analysis_is_in(at: World) -> None:
    plain = await at.upload("nothing made")
    assert (await at.get(f"/v1/images/{plain}/renditions/small")).status_code == 404
    with at.projector_frozen():
        await at.found(plain, events.content("nothing made"), {"hash": {}}, uid(("upload", "nothing made")))
        answer = await at.client.get(f"/v1/images/{plain}/renditions/small")
    assert (answer.status_code, answer.json()["type"]) == (503, "/problems/behind")
