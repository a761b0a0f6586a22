"""The account's own events: none missed, none twice, in order, wherever one goes on, in pages or as they come."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import httpx
import psycopg
import pytest
import pytest_asyncio

from contracts.accounts import AccountDisabled, AccountEnabled
from contracts.images import Wanted
from contracts.posts import PostLiked
from deploy.local.ports import choose
from services.query.streams import MOST_OF_ONE
from tests import events
from tests.e2e.people import Json, Person, new_picture, person, problem
from tests.e2e.sse import listening
from tests.events import cause, uid
from tests.query.world import World, ready, world
from tests.query.world import served as serve
from tests.running import Stack
from tests.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")

AS_JSON = {"Accept": "application/json"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(stack: Stack) -> AsyncIterator[World]:
    async with world(stack) as one:
        yield one


async def page(who: Person, **query: Any) -> Json:
    answer = await who.http.get("/v1/events", headers={**who.signed, **AS_JSON}, params=query)
    assert answer.status_code == 200, answer.text
    found: Json = answer.json()
    return found


async def every(who: Person, limit: int = 200, after: str | None = None) -> list[Json]:
    """All there are, page by page, each found by the link in the one before."""
    found, query = [], f"?limit={limit}" + (f"&after={after}" if after else "")
    while True:
        answer = await who.http.get(f"/v1/events{query}", headers={**who.signed, **AS_JSON})
        assert answer.status_code == 200, answer.text
        found += answer.json()["items"]
        assert (answer.json()["next"] is None) == ("next" not in answer.links)
        if answer.json()["next"] is None:
            return found
        query = answer.links["next"]["url"].removeprefix("/v1/events")


async def busy(served: World, who: Person, images: int = 3) -> None:
    """Events of many kinds, over many partitions, some of them refused; returns once all can be read."""
    for number in range(images):
        image, own = uid((who.name, number)), {"owner": who.name, "actor": who.name}
        upload = await served.append(events.uploaded(image, **own))
        caused = [cause((who.name, number, what), causation_id=upload) for what in ("started", "completed")]
        wanted = {"owner": who.name, "wanted": (Wanted(algorithm="exif"), Wanted(algorithm="hash"))}
        await served.log.append(events.started(image, upload, **wanted), caused[0])
        await served.append(events.updated(image, expected_version=7, changes={"title": "No"}, **own))
        last = await served.log.append(events.completed(image, upload, **wanted), caused[1])
        await who.ask("POST", "/v1/posts", json={"image_id": str(image)})
        await served.append(PostLiked(post_id=uid("no post"), **own))
        served.last = last.position
        await served.get("/v1/images")
    await who.ask("PUT", "/v1/accounts/admin/follow")


async def stored(served: World, who: Person) -> set[str]:
    """The ids of the account's events, as Postgres has them."""
    async with await psycopg.AsyncConnection.connect(served.house.database) as postgres:
        rows = await postgres.execute("SELECT event_id FROM framelog.events WHERE owner = %s", (who.name,))
        return {str(row[0]) for row in await rows.fetchall()}


def is_in_order(items: list[Json]) -> None:
    """That of the log in each partition; and what was found comes after what asked for it."""
    offsets: dict[str, int] = {}
    seen = set()
    for one in items:
        partition, _, offset = one["position"].rpartition(":")
        assert int(offset) > offsets.get(partition, -1)
        offsets[partition] = int(offset)
        assert one["details"].get("cause", one["event_id"]) in {*seen, one["event_id"]}
        seen.add(one["event_id"])
    assert len(seen) == len({one["id"] for one in items}) == len(items)


async def test_every_event_of_the_account_is_there_once_and_no_other(served: World, alice: Person, bob: Person) -> None:
    await asyncio.gather(busy(served, alice), busy(served, bob))
    for who in (alice, bob):
        items = await every(who)
        assert {one["event_id"] for one in items} == await stored(served, who)
        is_in_order(items)
        types = [one["type"].removeprefix("framelog.") for one in items]
        assert types[0] == "account.registered.v1"
        assert {"image.uploaded.v1", "analysis.completed.v1", "post.published.v1", "account.followed.v1"} <= set(types)
        refused = [one for one in items if not one["accepted"]]
        assert {one["reason"] for one in refused} == {"version-mismatch", "post-not-found"}
        assert len(refused) == 6


async def test_an_event_says_what_it_is_about_and_nothing_that_is_sealed(served: World, alice: Person) -> None:
    await busy(served, alice, 1)
    items = {one["type"].removeprefix("framelog."): one for one in await every(alice)}
    assert set(items["image.uploaded.v1"]) == {
        *("id", "event_id", "type", "time", "actor", "position", "image_id", "version"),
        *("accepted", "reason", "request_id", "details"),
    }
    upload, found = items["image.uploaded.v1"], items["analysis.completed.v1"]
    assert (upload["actor"], upload["version"]) == (alice.name, 1)
    assert found["image_id"] == upload["image_id"] == str(uid((alice.name, 0)))
    assert found["details"]["algorithms"] == {"exif": "1", "hash": "1"}
    assert "sealed" not in str(items)


@pytest.mark.parametrize("limit", [1, 2, 7])
async def test_pages_of_any_size_tell_the_same(served: World, alice: Person, limit: int) -> None:
    await busy(served, alice)
    assert [one["event_id"] for one in await every(alice, limit)] == [one["event_id"] for one in await every(alice)]


async def test_one_goes_on_after_any_event_and_misses_none(served: World, alice: Person) -> None:
    await busy(served, alice)
    items = await every(alice)
    for number, one in enumerate(items):
        rest = await every(alice, after=one["id"])
        assert rest == items[number + 1 :]
    last = await page(alice, after=items[-1]["id"])
    assert (last["items"], last["next"], last["last"]) == ([], None, items[-1]["id"])


async def test_now_is_a_place_too(served: World, alice: Person) -> None:
    await busy(served, alice, 1)
    now = (await page(alice, after="now"))["last"]
    await alice.ask("PUT", "/v1/accounts/admin/follow")
    await alice.ask("DELETE", "/v1/accounts/admin/follow")
    assert [one["type"] for one in await every(alice, after=now)] == [
        "framelog.account.followed.v1",
        "framelog.account.unfollowed.v1",
    ]


async def test_what_is_no_id_of_ones_own_is_refused(served: World, alice: Person, bob: Person) -> None:
    await busy(served, alice, 1)
    foreign = (await every(alice))[-1]["id"]
    for word in (foreign, foreign[:-1], foreign + "A", "x", "0", "NOW", "é", "A" * 3_000):
        for where in ("after", "cursor"):
            answer = await bob.http.get("/v1/events", headers={**bob.signed, **AS_JSON}, params={where: word})
            assert problem(answer, 422, "invalid-request")["errors"][0]["pointer"] == f"/query/{where}"
        header = {"Last-Event-ID": word.encode()}
        answer = await bob.http.get("/v1/events", headers={**bob.signed, **header})  # before the stream begins
        assert problem(answer, 422, "invalid-request")["errors"][0]["pointer"] == "/header/last-event-id"
    for limit in ("0", "201", "x"):
        problem(await bob.ask("GET", "/v1/events", params={"limit": limit}), 422, "invalid-request")


async def test_events_come_as_they_happen_and_a_client_that_was_away_misses_none(served: World, alice: Person) -> None:
    await busy(served, alice, 2)
    seen: list[Json] = []
    async with listening(alice.http, alice.signed) as stream:
        assert stream.answer.headers["cache-control"] == "no-store"
        assert stream.answer.headers["x-accel-buffering"] == "no"
        seen += await stream.until(len(await stored(served, alice)))
        begun = time.monotonic()
        await alice.ask("DELETE", "/v1/accounts/admin/follow")
        seen = await stream.until(len(seen) + 1)
        assert time.monotonic() - begun < 3
        assert stream.retry
        last = stream.last
    for _ in range(3):  # away, and back
        await alice.ask("PUT", "/v1/accounts/admin/follow")
        await alice.ask("DELETE", "/v1/accounts/admin/follow")
        async with listening(alice.http, alice.signed, last) as stream:
            seen += await stream.until(2)
            assert all(one["of the stream"] == one["id"] for one in stream.events)
            last = stream.last
    assert {one["event_id"] for one in seen} == await stored(served, alice)
    is_in_order(seen)


async def test_a_stream_from_now_on_says_where_that_is(served: World, alice: Person) -> None:
    async with listening(alice.http, alice.signed, after="now") as stream:
        async with asyncio.timeout(5):
            while stream.last is None:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        assert stream.events == []
    await alice.ask("PUT", "/v1/accounts/admin/follow")
    async with listening(alice.http, alice.signed, stream.last, after="now") as stream:
        (one,) = await stream.until(1)
    assert one["type"] == "framelog.account.followed.v1"


async def test_a_backlog_larger_than_what_is_read_at_once_comes_whole(served: World, alice: Person) -> None:
    image, own = uid((alice.name, "long")), {"owner": alice.name, "actor": alice.name}
    await served.append(events.uploaded(image, **own))
    for number in range(450):
        await served.append(events.updated(image, changes={"title": str(number)}, **own))
    await served.get("/v1/images")
    async with listening(alice.http, alice.signed) as stream:
        seen = await stream.until(452)
    is_in_order(seen)
    assert [one["version"] for one in seen if one["image_id"]] == list(range(1, 452))


async def test_a_silent_stream_shows_that_it_lives_and_ends_with_the_account(served: World, alice: Person) -> None:
    admin = {"account": alice.name, "actor": "admin"}
    async with listening(alice.http, alice.signed, after="now") as stream:
        await asyncio.sleep(16)
        assert len(stream.comments) == 2
        await served.append(AccountDisabled(**admin))
        async with asyncio.timeout(12):
            while not stream.ended:  # noqa: ASYNC110
                await asyncio.sleep(0.1)
    answer = await alice.http.get("/v1/events", headers=alice.signed)
    assert answer.status_code == 401
    await served.append(AccountEnabled(**admin))


async def test_a_process_has_so_many_streams_and_no_more(served: World) -> None:
    async with serve(served.house, event_streams=2) as url, httpx.AsyncClient(base_url=url, timeout=30) as http:
        await ready(http)
        alice = await person(http)
        async with listening(http, alice.signed):
            async with listening(http, alice.signed):
                refused = problem(await http.get("/v1/events", headers=alice.signed), 503, "unavailable")
                assert "streams" in refused["detail"]
                assert (await http.get("/v1/events", headers={**alice.signed, **AS_JSON})).status_code == 200

            async def free() -> bool:
                async with http.stream("GET", "/v1/events", headers=alice.signed) as answer:
                    return answer.status_code == 200

            assert await served.until(free, within=5), "whoever leaves makes room"


async def test_an_account_leaves_room_for_the_others(served: World, alice: Person, bob: Person) -> None:
    async with AsyncExitStack() as streams:
        for _ in range(MOST_OF_ONE):
            await streams.enter_async_context(listening(alice.http, alice.signed))
        problem(await alice.http.get("/v1/events", headers=alice.signed), 429, "rate-limited")
        await streams.enter_async_context(listening(bob.http, bob.signed))


async def test_who_asks_for_the_head_of_a_stream_takes_no_room(alice: Person) -> None:
    for _ in range(MOST_OF_ONE + 1):
        answer = await alice.http.head("/v1/events", headers=alice.signed)
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")


async def test_streams_end_when_the_process_is_told_to(served: World, alice: Person) -> None:
    (port,) = choose([None])
    process = await served.house.start("services.api", port=port, log_level="WARNING")
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30) as http:
        await ready(http)
        async with listening(http, alice.signed) as one, listening(http, alice.signed, after="now") as two:
            await one.until(1)
            begun = time.monotonic()
            process.send_signal(signal.SIGTERM)
            assert await asyncio.wait_for(process.wait(), 8) == 0
            assert time.monotonic() - begun < 5, "nobody waits for streams to end by themselves"
            await until(lambda: one.ended and two.ended)  # their answers are whole


async def test_what_the_read_model_has_not_seen_yet_comes_once_it_has(served: World, alice: Person) -> None:
    image = uid((alice.name, "late"))
    async with listening(alice.http, alice.signed, after="now") as stream:
        with served.projector_frozen():
            await served.append(events.uploaded(image, owner=alice.name, actor=alice.name))
            await asyncio.sleep(1)
            assert stream.events == []
        (one,) = await stream.until(1)
    assert one["image_id"] == str(image)


async def test_an_upload_is_told_with_its_request(served: World, alice: Person) -> None:
    upload = await alice.ask("POST", "/v1/images", files={"file": new_picture()})
    await served.client.get("/v1/images", headers={"Framelog-After": upload.json()["position"]})
    (one,) = [one for one in await every(alice) if one["type"] == "framelog.image.uploaded.v1"]
    assert (one["image_id"], one["position"]) == (upload.json()["id"], upload.json()["position"])
    verdict = (await alice.ask("GET", f"/v1/events/{one['event_id']}")).json()
    assert verdict["request_id"] == one["request_id"]
