"""Sharing over HTTP: posts, likes, follows, the feed, and who sees what of an image meanwhile."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio

from tests.e2e.people import Person, listed, new_picture, person, problem
from tests.query.world import World, world
from tests.running import Stack

pytestmark = pytest.mark.asyncio(loop_scope="module")

OF_PUBLIC_VIEW = {"id", "owner", "version", "width", "height", "title", "tags", "created_at", "renditions"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(stack: Stack) -> AsyncIterator[World]:
    async with world(stack) as one, one.house.run("services.analyzer"):
        yield one


async def image(served: World, who: Person, **fields: str) -> str:
    """The id of an image of theirs, analysed."""
    files = {"file": ("secret name.jpg", new_picture(make="Canon", model="EOS R5", gps=(52.5, 13.4)))}
    answer = await who.ask("POST", "/v1/images", files=files, data=fields)
    assert answer.status_code == 201, answer.text
    image_id = str(answer.json()["id"])

    async def analysed() -> bool:
        return bool((await who.ask("GET", f"/v1/images/{image_id}")).json()["analysis"]["status"] == "completed")

    await served.until(analysed)
    return image_id


async def post(who: Person, image_id: str, caption: str | None = None) -> dict[str, Any]:
    answer = await who.ask("POST", "/v1/posts", json={"image_id": image_id, "caption": caption})
    assert answer.status_code == 201, answer.text
    assert answer.headers["location"] == f"/v1/posts/{answer.json()['id']}"
    found: dict[str, Any] = answer.json()
    return found


async def ids(http: httpx.AsyncClient, path: str, headers: dict[str, str] | None = None, **query: Any) -> list[str]:
    """Of every page."""
    return [one["id"] for one in await listed(http, path, headers, **query)]


async def test_a_post_shows_the_public_view_of_a_private_image_while_it_stands(
    served: World, http: httpx.AsyncClient, alice: Person, bob: Person
) -> None:
    image_id = await image(served, alice, title="The sea", description="where we were")
    problem(await bob.ask("GET", f"/v1/images/{image_id}"), 404, "not-found")
    rendition = f"/v1/images/{image_id}/renditions/small"
    problem(await http.get(rendition), 404, "not-found")
    made = await post(alice, image_id, "At the sea")
    assert {name: made[name] for name in ("author", "caption", "likes", "liked", "version")} == {
        "author": alice.name,
        "caption": "At the sea",
        "likes": 0,
        "liked": False,
        "version": 1,
    }
    seen = (await http.get(f"/v1/posts/{made['id']}")).json()
    assert set(seen["image"]) == OF_PUBLIC_VIEW
    assert (seen["image"]["title"], len(seen["image"]["renditions"])) == ("The sea", 3)
    assert (await http.get(rendition)).status_code == 200
    assert set((await bob.ask("GET", f"/v1/images/{image_id}")).json()) == OF_PUBLIC_VIEW
    for private in ("content", "history"):
        problem(await bob.ask("GET", f"/v1/images/{image_id}/{private}"), 403, "forbidden")
    answer = await alice.http.delete(f"/v1/posts/{made['id']}", headers={**alice.signed, "If-Match": '"1"'})
    assert answer.status_code == 204
    problem(await http.get(f"/v1/posts/{made['id']}"), 404, "not-found")
    problem(await http.get(rendition), 404, "not-found")
    problem(await bob.ask("GET", f"/v1/images/{image_id}"), 404, "not-found")
    assert (await alice.ask("GET", f"/v1/images/{image_id}")).json()["version"] == 1


async def test_a_caption_is_changed_by_its_author_at_the_version_they_read(
    served: World, alice: Person, bob: Person
) -> None:
    made = await post(alice, await image(served, alice), "first")
    path = f"/v1/posts/{made['id']}"

    async def patch(who: Person, match: str | None, body: Any) -> httpx.Response:
        headers = {**who.signed, **({"If-Match": match} if match else {})}
        return await who.http.patch(path, json=body, headers=headers)

    problem(await patch(alice, None, {"caption": "x"}), 428, "version-required")
    problem(await patch(alice, '"7"', {"caption": "x"}), 412, "version-mismatch")
    problem(await patch(bob, "*", {"caption": "x"}), 403, "forbidden")
    problem(await patch(alice, "*", {"text": "x"}), 422, "invalid-request")
    answer = await patch(alice, '"1"', {"caption": "second"})
    assert (answer.status_code, answer.json()["caption"], answer.headers["etag"]) == (200, "second", '"2"')
    assert (await patch(alice, "*", {})).json()["caption"] == "second"
    assert (await patch(alice, "*", {"caption": None})).json()["caption"] is None


async def test_likes_are_counted_once_each_whatever_is_said_how_often(
    served: World, http: httpx.AsyncClient, alice: Person, bob: Person
) -> None:
    made = await post(alice, await image(served, alice))
    path = f"/v1/posts/{made['id']}"
    answers = await asyncio.gather(*(who.ask("PUT", f"{path}/like") for who in (alice, bob) for _ in range(3)))
    assert {answer.status_code for answer in answers} == {204}
    assert (await http.get(path)).json()["likes"] == 2
    assert (await bob.ask("GET", path)).json()["liked"] is True
    people = (await http.get(f"{path}/likes")).json()["items"]
    assert {one["username"] for one in people} == {alice.name, bob.name}
    assert [(await bob.ask("DELETE", f"{path}/like")).status_code for _ in range(2)] == [204, 204]
    seen = (await bob.ask("GET", path)).json()
    assert (seen["likes"], seen["liked"], seen["version"]) == (1, False, 1)


async def test_the_most_liked_come_first_page_after_page(
    served: World, http: httpx.AsyncClient, alice: Person, bob: Person
) -> None:
    made = [(await post(alice, await image(served, alice)))["id"] for _ in range(3)]
    for post_id, fans in ((made[1], (alice, bob)), (made[2], (bob,))):
        for fan in fans:
            assert (await fan.ask("PUT", f"/v1/posts/{post_id}/like")).status_code == 204
    liked = [made[1], made[2], made[0]]
    for limit in (1, 2, 50):
        assert await ids(http, "/v1/posts", sort="most_liked", author=alice.name, limit=limit) == liked
        assert await ids(http, "/v1/posts", author=alice.name, limit=limit) == made[::-1]
        every = await ids(http, "/v1/posts", sort="most_liked", limit=limit)
        assert [one for one in every if one in made] == liked
    problem(await http.get("/v1/posts?sort=best"), 422, "invalid-request")
    cursor = (await http.get("/v1/posts?limit=1")).json()["next"]
    problem(await http.get(f"/v1/posts?limit=1&sort=most_liked&cursor={cursor}"), 422, "invalid-request")


async def test_a_feed_has_the_posts_of_those_one_follows(
    served: World, http: httpx.AsyncClient, alice: Person, bob: Person
) -> None:
    carol = await person(http)
    of_bob = [(await post(bob, await image(served, bob)))["id"] for _ in range(2)]
    of_carol = (await post(carol, await image(served, carol)))["id"]
    assert await ids(http, "/v1/feed", alice.signed) == []
    for who in (bob, carol, carol):
        assert (await alice.ask("PUT", f"/v1/accounts/{who.name.upper()}/follow")).status_code == 204
    for limit in (1, 50):
        assert await ids(http, "/v1/feed", alice.signed, limit=limit) == [of_carol, *of_bob[::-1]]
    following = (await alice.ask("GET", f"/v1/accounts/{alice.name}/following")).json()["items"]
    assert [one["username"] for one in following] == [carol.name, bob.name]
    followers = (await bob.ask("GET", f"/v1/accounts/{carol.name}/followers")).json()["items"]
    assert [one["username"] for one in followers] == [alice.name]
    profile = (await alice.ask("GET", f"/v1/accounts/{bob.name}")).json()
    assert (profile["posts"], profile["followers"], profile["following"]) == (2, 1, 0)
    assert (await alice.ask("DELETE", f"/v1/accounts/{bob.name}/follow")).status_code == 204
    assert await ids(http, "/v1/feed", alice.signed) == [of_carol]


async def test_nobody_follows_themselves_or_nobody(alice: Person) -> None:
    problem(await alice.ask("PUT", f"/v1/accounts/{alice.name}/follow"), 422, "invalid-request")
    problem(await alice.ask("PUT", "/v1/accounts/nobody-at-all/follow"), 404, "not-found")
    problem(await alice.ask("PUT", "/v1/accounts/%00/follow"), 404, "not-found")


async def test_what_is_gone_is_neither_posted_nor_liked(served: World, alice: Person, bob: Person) -> None:
    image_id = await image(served, alice)
    problem(await bob.ask("POST", "/v1/posts", json={"image_id": image_id}), 404, "not-found")
    problem(await alice.ask("POST", "/v1/posts", json={"image_id": "fake"}), 404, "not-found")
    made = await post(alice, image_id)
    problem(await bob.ask("POST", "/v1/posts", json={"image_id": image_id}), 403, "forbidden")
    headers = {**alice.signed, "If-Match": "*"}
    assert (await alice.http.delete(f"/v1/images/{image_id}", headers=headers)).status_code == 204
    problem(await bob.ask("PUT", f"/v1/posts/{made['id']}/like"), 404, "not-found")
    problem(await bob.ask("GET", f"/v1/posts/{made['id']}"), 404, "not-found")
    problem(await alice.ask("POST", "/v1/posts", json={"image_id": image_id}), 404, "not-found")
    assert (await alice.ask("POST", f"/v1/images/{image_id}/restore")).status_code == 200
    assert (await bob.ask("GET", f"/v1/posts/{made['id']}")).status_code == 200


async def test_a_disabled_account_shows_nothing_until_it_is_back(
    served: World, http: httpx.AsyncClient, alice: Person, bob: Person
) -> None:
    private, public = await image(served, alice), await image(served, alice, visibility="public")
    made = await post(alice, private)
    path = f"/v1/accounts/{alice.name}"
    seen = [f"/v1/posts/{made['id']}", f"/v1/images/{private}", f"/v1/images/{public}"]
    assert [(await bob.ask("GET", one)).status_code for one in seen] == [200, 200, 200]
    await served.client.patch(path, json={"disabled": True})
    assert [(await bob.ask("GET", one)).status_code for one in seen] == [404, 404, 404]
    assert made["id"] not in await ids(http, "/v1/posts")
    await served.client.patch(path, json={"disabled": False})
    assert [(await bob.ask("GET", one)).status_code for one in seen] == [200, 200, 200]


async def test_a_retry_makes_no_second_post(served: World, alice: Person) -> None:
    body = {"image_id": await image(served, alice), "caption": "once"}
    headers = {**alice.signed, "Idempotency-Key": "one"}
    answers = [await alice.http.post("/v1/posts", json=body, headers=headers) for _ in range(2)]
    assert [one.status_code for one in answers] == [201, 201]
    assert answers[0].json()["id"] == answers[1].json()["id"]
    other = await alice.http.post("/v1/posts", json={**body, "caption": "twice"}, headers=headers)
    problem(other, 422, "idempotency-key-reuse")


async def test_what_the_read_model_has_not_seen_is_pending_whatever_it_is_about(
    served: World, alice: Person, bob: Person
) -> None:
    made = await post(alice, await image(served, alice))
    key = {"name": "k", "scopes": ["images:read"]}
    with served.projector_frozen():
        written = await asyncio.gather(
            bob.ask("PUT", f"/v1/posts/{made['id']}/like"),
            bob.ask("PUT", f"/v1/accounts/{alice.name}/follow"),
            bob.ask("POST", "/v1/me/api-keys", json=key),
        )
        assert [answer.status_code for answer in written] == [202, 202, 202]
        urls = [answer.json()["status_url"] for answer in written]
        seen = await asyncio.gather(*(bob.ask("GET", url) for url in urls))
        assert [(one.status_code, one.json().get("status")) for one in seen] == [(200, "pending")] * 3
    for url in urls:

        async def accepted(url: str = url) -> bool:
            return bool((await bob.ask("GET", url)).json().get("status") == "accepted")

        await served.until(accepted)
