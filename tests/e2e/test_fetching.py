"""Images and jobs from addresses: what the fetcher takes, what it refuses, and that neither is done twice."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import psycopg
import pytest
import pytest_asyncio

from tests.e2e.people import Person, ended, new_picture, problem
from tests.query.world import World, world
from tests.running import Stack, stop

pytestmark = pytest.mark.asyncio(loop_scope="module")


@dataclass
class Site:
    """A server on loopback: what lies at each path, as (status, headers, body); `asked` is what it was asked for."""

    port: int = 0
    answers: dict[str, tuple[int, dict[str, str], bytes]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    release: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def put(self, path: str, body: bytes, status: int = 200, **headers: str) -> str:
        self.answers[path] = (status, headers, body)
        return f"{self.url}{path}"


@contextmanager
def site() -> Iterator[Site]:
    one = Site()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            one.asked.append(self.path)
            if self.path.startswith("/slow"):
                one.release.wait(30)
            status, headers, body = one.answers.get(self.path.partition("?")[0], (404, {}, b"no"))
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    one.port = server.server_address[1]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield one
    finally:
        one.release.set()
        server.shutdown()
        server.server_close()


@pytest.fixture(scope="module")
def allowed() -> Iterator[Site]:
    with site() as one:
        yield one


@pytest.fixture(scope="module")
def refused() -> Iterator[Site]:
    with site() as one:
        yield one


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(stack: Stack, allowed: Site) -> AsyncIterator[World]:
    permitted = f"127.0.0.1:{allowed.port}"
    async with (
        world(stack, allow_private_urls=permitted) as one,
        one.house.run("services.analyzer"),
        one.house.run("services.ingest.fetcher", allow_private_urls=permitted, fetch_seconds=20),
    ):
        yield one


async def finished(served: World, who: Person, answer: httpx.Response) -> dict[str, Any]:
    assert answer.status_code == 202, answer.text
    return await ended(served, who, answer.json()["id"])


async def from_url(who: Person, url: str, **fields: Any) -> httpx.Response:
    return await who.ask("POST", "/v1/images:from-url", json={"image_url": url, **fields})


async def test_an_image_comes_from_an_address(served: World, allowed: Site, alice: Person) -> None:
    data = new_picture()
    url = allowed.put("/a/sea%20side.jpg", data, **{"Content-Type": "text/plain"})
    answer = await from_url(alice, url, title="The sea", tags=["holiday"], visibility="public")
    assert answer.json()["image_id"] is None
    done = await finished(served, alice, answer)
    assert (done["status"], done["algorithm"], done["error"]) == ("succeeded", None, None)
    path = f"/v1/images/{done['image_id']}"
    seen = (await alice.ask("GET", path)).json()
    assert (seen["origin"], seen["title"], seen["tags"], seen["visibility"]) == (
        "url",
        "The sea",
        ["holiday"],
        "public",
    )
    assert (seen["filename"], seen["media_type"]) == ("sea side.jpg", "image/jpeg")
    assert (await alice.ask("GET", f"{path}/content")).content == data
    assert done["image_id"] in [one["id"] for one in (await alice.ask("GET", "/v1/images")).json()["items"]]


async def test_a_job_on_an_address_is_done_and_its_picture_not_listed(
    served: World, allowed: Site, alice: Person
) -> None:
    url = allowed.put("/b.jpg", new_picture())
    answer = await alice.ask("POST", "/v1/jobs", json={"image_url": url, "algorithm": "hash"})
    done = await finished(served, alice, answer)
    assert (done["status"], set(done["result"])) == ("succeeded", {"phash", "dhash"})
    assert (await alice.ask("GET", "/v1/images")).json()["items"] == []
    listed = (await alice.ask("GET", "/v1/images?origin=job")).json()["items"]
    assert [one["id"] for one in listed] == [done["image_id"]]


async def test_a_redirect_is_followed_to_where_one_may_go(
    served: World, allowed: Site, refused: Site, alice: Person
) -> None:
    allowed.put("/c.jpg", new_picture())
    there = allowed.put("/there", b"", 302, Location="/c.jpg")
    assert (await finished(served, alice, await from_url(alice, there)))["status"] == "succeeded"
    away = allowed.put("/away", b"", 302, Location=f"{refused.url}/c.jpg")
    failed = await finished(served, alice, await from_url(alice, away))
    assert (failed["status"], failed["error"]["type"]) == ("failed", "/problems/url-not-allowed")
    assert refused.asked == []


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "ftp://example.org/a.jpg",
        "http://user:secret@example.org/a.jpg",
        "http://example.org:22/a.jpg",
        "http://127.0.0.1/a.jpg",
        "http://0177.0.0.1/a.jpg",
        "http://2130706433/a.jpg",
        "http://0x7f.1/a.jpg",
        "http://[::1]/a.jpg",
        "http://[::ffff:127.0.0.1]/a.jpg",
        "http://[64:ff9b::7f00:1]/a.jpg",
        "http://169.254.169.254/latest/meta-data/",
        "http://localhost/a.jpg",
        "not an address",
    ],
)
async def test_an_address_that_may_not_be_called_is_refused_at_once(alice: Person, url: str) -> None:
    problem(await from_url(alice, url), 422, "url-not-allowed")
    problem(await alice.ask("POST", "/v1/jobs", json={"image_url": url, "algorithm": "hash"}), 422, "url-not-allowed")


async def test_what_is_no_picture_fails_with_its_reason(served: World, allowed: Site, alice: Person) -> None:
    urls = {
        allowed.put("/page", b"<!doctype html><title>no</title>" * 20): "unsupported-media-type",
        allowed.put("/empty", b""): "empty-upload",
        f"{allowed.url}/missing": "fetch-failed",
        allowed.put("/broken", b"x", 500): "fetch-failed",
        allowed.put("/loop", b"", 302, Location="/loop"): "fetch-failed",
        allowed.put("/packed", new_picture(), **{"Content-Encoding": "gzip"}): "fetch-failed",
        "http://no-such-host.invalid/a.jpg": "fetch-failed",
    }
    jobs = [await finished(served, alice, await from_url(alice, url)) for url in urls]
    assert [job["error"]["type"].removeprefix("/problems/") for job in jobs] == list(urls.values())
    assert {job["image_id"] for job in jobs} == {None}
    assert (await alice.ask("GET", "/v1/images")).json()["items"] == []


async def test_a_failed_fetch_can_be_tried_again_as_it_was_asked_for(
    served: World, allowed: Site, alice: Person
) -> None:
    failed = await finished(served, alice, await from_url(alice, f"{allowed.url}/later.jpg", title="Later"))
    assert failed["status"] == "failed"
    allowed.put("/later.jpg", new_picture())
    again = await alice.ask("POST", f"/v1/jobs/{failed['id']}/retry")
    done = await finished(served, alice, again)
    assert (done["id"], done["attempts"], done["status"]) == (failed["id"], 2, "succeeded")
    assert (await alice.ask("GET", f"/v1/images/{done['image_id']}")).json()["title"] == "Later"


async def test_either_an_image_or_an_address(alice: Person) -> None:
    for body in ({}, {"image_id": "x", "image_url": "http://example.org/"}):
        answer = await alice.ask("POST", "/v1/jobs", json={**body, "algorithm": "hash"})
        problem(answer, 422, "invalid-request")


async def test_a_fetcher_killed_half_way_leaves_one_image_and_one_outcome(stack: Stack, allowed: Site) -> None:
    permitted = f"127.0.0.1:{allowed.port}"
    url = allowed.put("/slow.jpg", new_picture())
    async with world(stack, allow_private_urls=permitted) as own:
        first = await own.house.start("services.ingest.fetcher", allow_private_urls=permitted)
        answer = await own.client.post("/v1/images:from-url", json={"image_url": url})
        async with asyncio.timeout(30):
            while "/slow.jpg" not in allowed.asked:  # noqa: ASYNC110 - another thread answers
                await asyncio.sleep(0.05)
        first.kill()
        await stop(first)
        allowed.release.set()
        async with own.house.run("services.ingest.fetcher", allow_private_urls=permitted):

            async def done() -> bool:
                found = (await own.client.get(f"/v1/jobs/{answer.json()['id']}")).json()
                return bool(found["status"] == "succeeded")

            await own.until(done, within=60)
        assert len((await own.client.get("/v1/images")).json()["items"]) == 1
        async with await psycopg.AsyncConnection.connect(own.house.database) as postgres:
            outcomes = await postgres.execute("SELECT count(*) FROM framelog.events WHERE type LIKE '%image.uploaded%'")
            assert await outcomes.fetchone() == (1,)
