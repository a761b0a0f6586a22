"""Searching a small library over HTTP: each filter finds what it should, and nothing else."""

from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import pytest
import pytest_asyncio

from contracts.analyses import Failure, Result
from contracts.images import Wanted
from tests import events
from tests.events import sha, uid
from tests.query.world import World, world
from tests.running import Stack

pytestmark = pytest.mark.asyncio(loop_scope="module")

PALETTE = {"palette": [{"color": "#2a6f97", "share": 0.6}, {"color": "#ff0000", "share": 0.01}]}
TWO = (Wanted(algorithm="quality"), Wanted(algorithm="hash"))
HALF = events.completed(
    uid("partial"),
    uid(("upload", "partial")),
    owner="admin",
    sha256=sha("partial"),
    wanted=TWO,
    results=(Result(algorithm="quality", version=1, params={}, result={}),),
    failures=(Failure(algorithm="hash", type="decode-timeout", detail="30 s"),),
)
BROKEN = events.failed(uid("broken"), uid(("upload", "broken")), owner="admin", wanted=(Wanted(algorithm="hash"),))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def library(stack: Stack) -> AsyncIterator[World]:
    async with world(stack) as library:
        await fill(library)
        yield library


async def fill(library: World) -> None:
    """Oldest first; every test knows these names."""
    canon = {"exif": {"make": "Canon", "model": "EOS R5", "taken_at": "2024-05-01T10:00:00Z"}}
    nikon = {"exif": {"make": "NIKON", "model": "D_850", "taken_at": "2023-01-01T10:00:00Z"}}
    await library.upload("beach", canon | {"colors": PALETTE}, title="Strand bei Übersee", tags=("sea", "sand"))
    await library.upload("city", nikon | {"colors": {"palette": [{"color": "#ff0000", "share": 1}]}}, tags=("sea",))
    await library.upload("hashed", {"hash": {"phash": "00000000000000ff"}}, filename="sunset_IMG-77.jpg")
    await library.upload("alike", {"hash": {"phash": "0000000000000fff"}}, description="alike at dusk")
    await library.upload("unlike", {"hash": {"phash": "ffffffff00000000"}})
    labels = {"labels": [{"label": "Tabby Cat", "score": 0.9}]}
    await library.upload("cat", {"classification": labels, "caption": {"caption": "A cat asleep on a chair"}})
    await library.upload("png", content=events.content("png", media_type="image/png", width=8000, height=100, size=9))
    await library.upload("queued", wanted=(Wanted(algorithm="hash"),))
    await library.upload("broken", wanted=(Wanted(algorithm="hash"),))
    await library.append(BROKEN)
    await library.upload("running", wanted=TWO)
    await library.append(events.started(uid("running"), uid(("upload", "running")), owner="admin", wanted=TWO))
    await library.upload("partial", wanted=TWO)
    await library.append(HALF)
    await library.upload("gone", canon, tags=("sea",))
    await library.append(events.deleted(uid("gone"), expected_version=1))
    await library.upload("fetched", origin="job")
    await library.upload("theirs", canon, owner="bob", tags=("sea",), visibility="public", title="Sea")
    await library.upload("secret", canon, owner="bob", tags=("sea",))
    await library.upload("replaced", canon | {"colors": PALETTE}, tags=("old",))
    other = events.content("other bytes")
    update = events.updated(uid("replaced"), owner="admin", content=other, replaces_content=True, wanted=())
    await library.append(update)
    await settled(library)


async def settled(library: World) -> None:
    """Returns once all events are in the read model, those of analyzers too."""
    for search in (
        {"tag": "old", "status": "completed"},
        {"camera": "r5"},
        {"label": "tabby cat"},
        {"status": "failed"},
    ):
        await library.until(lambda search=search: library.listed(**search))


EVERY = (
    "beach",
    "city",
    "hashed",
    "alike",
    "unlike",
    "cat",
    "png",
    "queued",
    "broken",
    "running",
    "partial",
    "replaced",
)
"""The account's own images, neither deleted nor made for a job, oldest first."""


async def names(library: World, **query: Any) -> list[str]:
    known = {uid(name): name for name in (*EVERY, "gone", "fetched", "theirs", "secret")}
    return [known[image] for image in await library.listed(**query)]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"tag": "sea"}, {"beach", "city"}),
        ({"tag": ["sea", "sand"]}, {"beach"}),
        ({"tag": "se"}, set()),
        ({"media_type": "image/png"}, {"png"}),
        ({"min_width": 8000}, {"png"}),
        ({"min_width": 8001}, set()),
        ({"min_height": 101}, set(EVERY) - {"png"}),
        ({"taken_after": "2024-05-01T10:00:00Z"}, {"beach"}),
        ({"taken_after": "2024-05-01T12:00:01+02:00"}, set()),
        ({"taken_before": "2024-05-01T10:00:00Z"}, {"city"}),
        ({"taken_after": "2023-01-01", "taken_before": "2023-01-02"}, {"city"}),
        ({"camera": "canon eos"}, {"beach"}),
        ({"camera": "EOS"}, {"beach"}),
        ({"camera": "d_850"}, {"city"}),
        ({"camera": "d%8"}, set()),
        ({"camera": "\\"}, set()),
        ({"camera": "leica"}, set()),
        ({"color": "#2a6f97"}, {"beach"}),
        ({"color": "2B6E96"}, {"beach"}),
        ({"color": "#ff0000"}, {"city"}),
        ({"color": "#00ff00"}, set()),
        ({"label": "tabby cat"}, {"cat"}),
        ({"label": "Tabby CAT"}, {"cat"}),
        ({"label": "tabby"}, set()),
        ({"status": "queued"}, {"queued"}),
        ({"status": "failed"}, {"broken"}),
        ({"status": "running"}, {"running"}),
        ({"status": "partial"}, {"partial"}),
        ({"status": "completed"}, set(EVERY) - {"queued", "broken", "running", "partial"}),
        ({"sha256": sha("png")}, {"png"}),
        ({"sha256": sha("png").upper()}, {"png"}),
        ({"sha256": "0" * 64}, set()),
        ({"near": uid("hashed")}, {"hashed", "alike"}),
        ({"near": uid("hashed"), "distance": 4}, {"hashed", "alike"}),
        ({"near": uid("hashed"), "distance": 3}, {"hashed"}),
        ({"near": uid("unlike"), "distance": 16}, {"unlike"}),
        ({"near": uid("queued")}, set()),
        ({"origin": "job"}, {"fetched"}),
        ({"origin": "url"}, set()),
        ({"owner": "admin", "tag": "sea"}, {"beach", "city"}),
        ({"deleted": "true"}, {"gone"}),
        ({"deleted": "true", "camera": "canon"}, {"gone"}),
        ({"deleted": "false", "tag": "sand"}, {"beach"}),
        ({"tag": "sea", "camera": "nikon", "color": "#ff0000"}, {"city"}),
        ({"tag": "sand", "camera": "nikon"}, set()),
    ],
)
async def test_a_filter_finds_what_fits_and_nothing_else(
    library: World, query: dict[str, Any], expected: set[str]
) -> None:
    found = await names(library, **query)
    assert len(found) == len(set(found))
    assert set(found) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("strand", {"beach"}),
        ("übers", {"beach"}),
        ("ÜBERSEE strand", {"beach"}),
        ("sunset 77", {"hashed"}),
        ("sunset.jpg", {"hashed"}),
        ("sunset dusk", set()),
        ("dusk", {"alike"}),
        ("asl", {"cat"}),
        ("beach.jpg chair", {"cat"}),
        ("sea", {"beach", "city"}),
        ("leep", set()),
        ("' & !:* | ", set(EVERY)),
        ("", set(EVERY)),
    ],
)
async def test_every_word_must_begin_a_word_of_the_image_or_its_caption(
    library: World, text: str, expected: set[str]
) -> None:
    assert set(await names(library, q=text)) == expected


async def test_facts_of_bytes_that_were_replaced_count_no_more(library: World) -> None:
    assert await names(library, tag="old") == ["replaced"]
    assert await names(library, tag="old", camera="canon") == []
    assert await names(library, tag="old", color="#2a6f97") == []


async def test_newest_come_first_unless_told_otherwise(library: World) -> None:
    assert await names(library) == [*reversed(EVERY)]
    assert await names(library, sort="created_at") == [*EVERY]
    assert (await names(library, sort="size"))[0] == (await names(library, sort="-size"))[-1] == "png"


async def test_what_has_no_date_comes_last_in_either_direction(library: World) -> None:
    undated = [one for one in reversed(EVERY) if one not in ("beach", "city")]
    assert await names(library, sort="taken_at") == ["city", "beach", *undated]
    assert await names(library, sort="-taken_at") == ["beach", "city", *undated]
    assert await names(library, sort="taken_at", taken_after="2000-01-01") == ["city", "beach"]


@pytest.mark.parametrize("sort", ["created_at", "-created_at", "size", "-size", "taken_at", "-taken_at"])
@pytest.mark.parametrize("limit", [1, 2, 3, len(EVERY), 200])
async def test_pages_put_together_are_the_list(library: World, sort: str, limit: int) -> None:
    whole = await names(library, sort=sort)
    found: list[UUID] = []
    path: str | None = f"/v1/images?sort={sort}&limit={limit}"
    while path:
        answer = await library.get(path)
        page = answer.json()
        assert len(page["items"]) <= limit
        found += [UUID(one["id"]) for one in page["items"]]
        path = answer.links["next"]["url"] if "next" in answer.links else None
        assert (path is None) == (page["next"] is None)
    assert found == [uid(name) for name in whole]


async def test_a_page_goes_on_where_it_ended_whatever_was_added_meanwhile(library: World) -> None:
    first = (await library.get("/v1/images", limit=4, tag="pages")).json()
    assert first == {"items": [], "next": None}
    for number in range(6):
        await library.upload(("pages", number), tags=("pages",))
    first = (await library.get("/v1/images", limit=4, tag="pages")).json()
    await library.upload(("pages", "late"), tags=("pages",))
    second = (await library.get("/v1/images", limit=4, tag="pages", cursor=first["next"])).json()
    assert [one["id"] for one in (*first["items"], *second["items"])] == [
        str(uid(("pages", number))) for number in reversed(range(6))
    ]
    for number in (*range(6), "late"):
        await library.append(events.deleted(uid(("pages", number))))
    assert "pages" not in str((await library.get("/v1/images", limit=200)).json())


async def test_the_address_of_the_next_page_keeps_every_filter(library: World) -> None:
    answer = await library.get("/v1/images", tag=["sea"], q="beach jpg", limit=1)
    link = urlsplit(answer.links["next"]["url"])
    assert link.path == "/v1/images"
    assert "tag=sea" in link.query
    assert "q=beach+jpg" in link.query
    assert (await library.get(answer.links["next"]["url"])).json()["items"][0]["id"] == str(uid("beach"))


async def test_only_another_accounts_public_images_are_listed_and_only_in_the_public_view(library: World) -> None:
    answer = await library.get("/v1/images", owner="bob")
    assert [set(one) for one in answer.json()["items"]] == [
        {"id", "owner", "version", "width", "height", "title", "tags", "created_at", "renditions"}
    ]
    assert await names(library, owner="bob", tag="sea", min_width=1, sort="created_at") == ["theirs"]
    assert await names(library, owner="bob", tag="sand") == []
    assert await names(library, owner="nobody") == []


async def test_an_admin_pages_over_everybodys_images_in_the_public_view(library: World) -> None:
    found: list[dict[str, Any]] = []
    path: str | None = "/v1/images?owner=*&tag=sea&limit=1"
    while path:
        answer = await library.get(path)
        found += answer.json()["items"]
        path = answer.links["next"]["url"] if "next" in answer.links else None
    assert [UUID(one["id"]) for one in found] == [uid(name) for name in ("secret", "theirs", "city", "beach")]
    assert {tuple(one) for one in found} == {
        ("id", "owner", "version", "width", "height", "title", "tags", "created_at", "renditions")
    }
    assert (await library.get("/v1/images", owner="*", camera="canon")).status_code == 422


@pytest.mark.parametrize(
    "query",
    [
        {"camera": "canon"},
        {"taken_after": "2020-01-01"},
        {"sha256": sha("theirs")},
        {"q": "sea"},
        {"color": "#2a6f97"},
        {"near": uid("hashed")},
        {"status": "completed"},
        {"deleted": "true"},
        {"origin": "job"},
        {"sort": "size"},
        {"media_type": "image/jpeg"},
        {"label": "cat"},
    ],
)
async def test_what_the_public_view_hides_cannot_be_asked_of_it(library: World, query: dict[str, Any]) -> None:
    answer = await library.get("/v1/images", owner="bob", **query)
    assert answer.status_code == 422
    assert [one["pointer"] for one in answer.json()["errors"]] == [f"/query/{next(iter(query))}"]


@pytest.mark.parametrize("near", ["fake", "9999", str(uid("nobody")), str(uid("secret")), str(uid("gone"))])
async def test_nothing_is_near_what_is_not_there(library: World, near: str) -> None:
    answer = await library.get("/v1/images", near=near)
    assert (answer.status_code, answer.json()["type"]) == (404, "/problems/not-found")


async def test_of_anothers_public_image_not_even_the_likeness_is_told(library: World) -> None:
    assert (await library.get("/v1/images", near=uid("theirs"))).status_code == 403


async def test_a_cursor_of_another_search_is_refused(library: World) -> None:
    cursor = (await library.get("/v1/images", limit=1)).json()["next"]
    for query in ({"tag": "sea"}, {"sort": "size"}, {"q": "x"}):
        answer = await library.get("/v1/images", limit=1, cursor=cursor, **query)
        assert answer.status_code == 422, query
        assert answer.json()["errors"][0]["pointer"] == "/query/cursor"


async def test_an_item_of_a_list_is_the_image_itself(library: World) -> None:
    (item,) = (await library.get("/v1/images", tag="sand")).json()["items"]
    assert item == (await library.get(f"/v1/images/{uid('beach')}")).json()
    assert item["analysis"]["results"]["exif"]["result"]["make"] == "Canon"
    assert item["owner"] == "admin"
