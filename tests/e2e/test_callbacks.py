"""Callbacks over HTTP: who asked to be called back is, once, signed, whatever dies."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio
from standardwebhooks import Webhook, WebhookVerificationError

from tests.e2e.people import Person, new_picture, problem
from tests.e2e.test_fetching import Site, site
from tests.query.world import World, world
from tests.receivers import Answer, Receiver, receiver
from tests.running import Stack

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(scope="module")
def site_() -> Iterator[Site]:
    with site() as one:
        yield one


@pytest.fixture(scope="module")
def hooks() -> Iterator[Receiver]:
    with receiver() as one:
        yield one


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(stack: Stack, site_: Site, hooks: Receiver) -> AsyncIterator[World]:
    outside = {"allow_private_urls": f"127.0.0.1:{site_.port},{hooks.address}"}
    async with (
        world(stack, **outside) as one,
        one.house.run("services.analyzer"),
        one.house.run("services.ingest.fetcher", **outside),
        one.house.run("services.notifier", callback_retries="0,0.1,0.1,0.1", callback_seconds=0.5, **outside),
    ):
        yield one


@pytest.fixture(autouse=True)
def quiet(hooks: Receiver) -> None:
    """Nobody has been called yet, and the receiver takes what comes."""
    hooks.calls.clear()
    hooks.answer = lambda _, __: 204


async def image(who: Person, **fields: str) -> dict[str, Any]:
    answer = await who.ask("POST", "/v1/images", files={"file": new_picture()}, data=fields)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def asked(who: Person, **body: Any) -> dict[str, Any]:
    answer = await who.ask("POST", "/v1/jobs", json={"algorithm": "poi_detection", **body})
    assert answer.status_code == 202, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def secret(who: Person) -> str:
    return str((await who.ask("GET", "/v1/me/webhook-secret")).json()["secret"])


async def called(hooks: Receiver, count: int) -> list[Any]:
    return await asyncio.to_thread(hooks.wait, count)


async def callback_of(served: World, who: Person, job_id: str, status: str) -> dict[str, Any]:
    """The job's callback, once it has come to that."""

    async def there() -> dict[str, Any] | None:
        found: dict[str, Any] = (await who.ask("GET", f"/v1/jobs/{job_id}")).json()["callback"]
        return found if found["status"] == status else None

    found = await served.until(there)
    assert found is not None
    return found


async def test_a_job_calls_back_once_signed_and_with_the_token(served: World, alice: Person, hooks: Receiver) -> None:
    image_id = (await image(alice))["id"]
    job = await asked(alice, image_id=image_id, callback_url=hooks.url("/done?a=1"), callback_token="let-me-in")
    assert job["callback"] == {
        "url": hooks.url("/done?a=1"),
        "status": "pending",
        "attempts": 0,
        "last_status": None,
        "next_attempt_at": None,
    }
    (call,) = await called(hooks, 1)
    said = call.verified(await secret(alice))
    assert (call.path, call.headers["authorization"]) == ("/done?a=1", "Bearer let-me-in")
    assert call.headers["content-type"] == "application/json"
    callback = await callback_of(served, alice, job["id"], "delivered")
    assert callback == {**job["callback"], "status": "delivered", "attempts": 1, "last_status": 204}
    shown = (await alice.ask("GET", f"/v1/jobs/{job['id']}")).json()
    assert (said["type"], said["timestamp"]) == ("job.succeeded", shown["finished_at"])
    assert said["data"] == {**shown, "callback": job["callback"]}
    await asyncio.sleep(0.5)
    assert len(hooks.calls) == 1


async def test_an_attempt_that_failed_is_told_and_so_is_the_next_one_under_an_id_of_its_own(
    served: World, alice: Person, hooks: Receiver
) -> None:
    damaged = new_picture()[:2_000]
    image_id = (await alice.ask("POST", "/v1/images", files={"file": damaged})).json()["id"]
    job = await asked(alice, image_id=image_id, callback_url=hooks.url("/failed"))
    (first,) = await called(hooks, 1)
    said = first.verified(await secret(alice))
    assert (said["type"], said["data"]["status"], said["data"]["attempts"]) == ("job.failed", "failed", 1)
    assert said["data"]["error"]["type"] == "/problems/undecodable-image"
    assert "authorization" not in first.headers
    await callback_of(served, alice, job["id"], "delivered")
    again = await alice.ask("POST", f"/v1/jobs/{job['id']}/retry")
    assert again.json()["callback"]["status"] == "pending"
    _, second = await called(hooks, 2)
    assert second.id != first.id
    assert second.verified(await secret(alice))["data"]["attempts"] == 2


async def test_a_receiver_that_fails_is_called_again_with_the_same_id_and_the_same_words(
    served: World, alice: Person, hooks: Receiver
) -> None:
    hooks.answer = lambda _, before: (500, 302, 204)[before]
    image_id = (await image(alice))["id"]
    job = await asked(alice, image_id=image_id, callback_url=hooks.url("/again"))
    calls = await called(hooks, 3)
    assert len({call.id for call in calls}) == 1
    assert len({call.body for call in calls}) == 1
    callback = await callback_of(served, alice, job["id"], "delivered")
    assert (callback["attempts"], callback["last_status"]) == (3, 204)


async def test_a_callback_that_is_still_owed_shows_its_tries_and_when_the_next_is(
    served: World, alice: Person, hooks: Receiver
) -> None:
    hooks.answer = lambda _, __: (503, {"Retry-After": "3600"})
    image_id = (await image(alice))["id"]
    job = await asked(alice, image_id=image_id, callback_url=hooks.url("/busy"))
    await called(hooks, 1)

    async def tried() -> dict[str, Any] | None:
        found: dict[str, Any] = (await alice.ask("GET", f"/v1/jobs/{job['id']}")).json()["callback"]
        return found if found["attempts"] else None

    found = await served.until(tried)
    assert found is not None
    assert (found["status"], found["attempts"], found["last_status"]) == ("pending", 1, 503)
    assert timedelta(minutes=58) < datetime.fromisoformat(found["next_attempt_at"]) - datetime.now(UTC)


@pytest.mark.parametrize(
    ("answer", "tries", "status"),
    [
        pytest.param(410, 1, 410, id="gone"),
        pytest.param(500, 4, 500, id="an error every time"),
        pytest.param(302, 4, 302, id="a redirect every time"),
        pytest.param(0, 4, None, id="hangs up every time"),
        pytest.param(-1, 4, None, id="hangs every time"),
    ],
)
async def test_a_receiver_that_never_takes_it_is_given_up(
    served: World, alice: Person, hooks: Receiver, answer: int, tries: int, status: int | None
) -> None:
    def answered(_: str, __: int) -> Answer:
        if answer < 0:
            hooks.release.wait(1)
        return max(answer, 0), {"Location": hooks.url("/elsewhere")}

    hooks.answer = answered
    job = await asked(alice, image_id=(await image(alice))["id"], callback_url=hooks.url("/never"))
    callback = await callback_of(served, alice, job["id"], "failed")
    assert (callback["attempts"], callback["last_status"], callback["next_attempt_at"]) == (tries, status, None)
    assert [call.path for call in hooks.calls] == ["/never"] * tries


async def test_an_upload_calls_back_when_it_is_analysed(served: World, alice: Person, hooks: Receiver) -> None:
    made = await image(alice, title="Sea", callback_url=hooks.url("/analysed"), callback_token="t")
    (call,) = await called(hooks, 1)
    said = call.verified(await secret(alice))
    shown = (await alice.ask("GET", f"/v1/images/{made['id']}")).json()
    assert (said["type"], said["data"]["analysis"]["status"]) == ("image.analyzed", "completed")
    assert said["data"] == shown
    assert call.headers["authorization"] == "Bearer t"
    await asyncio.sleep(0.5)
    assert len(hooks.calls) == 1


async def test_a_picture_that_is_fetched_tells_that_it_is_there_and_that_it_is_analysed(
    alice: Person, site_: Site, hooks: Receiver
) -> None:
    body = {"image_url": site_.put("/a.jpg", new_picture()), "callback_url": hooks.url("/fetched")}
    job = (await alice.ask("POST", "/v1/images:from-url", json=body)).json()
    told = {said["type"]: said["data"] for said in await verified(alice, hooks, 2)}
    assert set(told) == {"job.succeeded", "image.analyzed"}
    assert told["job.succeeded"]["id"] == job["id"]
    assert told["job.succeeded"]["image_id"] == told["image.analyzed"]["id"]


async def test_a_job_on_an_address_tells_its_result_or_why_there_is_no_picture(
    alice: Person, site_: Site, hooks: Receiver
) -> None:
    there = site_.put("/b.jpg", new_picture())
    for url in (there, f"{site_.url}/nothing.jpg"):
        await asked(alice, image_url=url, callback_url=hooks.url("/picture"))
    told = {said["type"]: said["data"] for said in await verified(alice, hooks, 2)}
    assert told["job.succeeded"]["result"]["points"]
    assert told["job.failed"]["error"]["type"] == "/problems/fetch-failed"


async def test_while_a_secret_is_rotated_the_old_and_the_new_one_verify(alice: Person, hooks: Receiver) -> None:
    old = await secret(alice)
    new = (await alice.ask("POST", "/v1/me/webhook-secret/rotate")).json()["secret"]
    await asked(alice, image_id=(await image(alice))["id"], callback_url=hooks.url("/rotated"))
    (call,) = await called(hooks, 1)
    assert call.verified(old) == call.verified(new)
    with pytest.raises(WebhookVerificationError):
        Webhook(new).verify(call.body + b" ", dict(call.headers))


@pytest.mark.parametrize(
    ("fields", "slug"),
    [
        ({"callback_url": "http://127.0.0.1:1/"}, "url-not-allowed"),
        ({"callback_url": "http://10.0.0.1/"}, "url-not-allowed"),
        ({"callback_url": "http://[::ffff:127.0.0.1]/"}, "url-not-allowed"),
        ({"callback_url": "file:///etc/passwd"}, "url-not-allowed"),
        ({"callback_url": "https://example.org/" + "a" * 2_000}, "invalid-request"),
        ({"callback_url": "https://example.org/", "callback_token": "a\r\nX-Admin: 1"}, "invalid-request"),
        ({"callback_url": "https://example.org/", "callback_token": "t" * 4_001}, "invalid-request"),
        ({"callback_token": "t"}, "invalid-request"),
    ],
)
async def test_where_nobody_may_be_called_nobody_is_asked_to(
    alice: Person, site_: Site, fields: dict[str, str], slug: str
) -> None:
    data = new_picture()
    made = await image(alice)
    for answer in (
        await alice.ask("POST", "/v1/jobs", json={"image_id": made["id"], "algorithm": "hash", **fields}),
        await alice.ask("POST", "/v1/images:from-url", json={"image_url": f"{site_.url}/a.jpg", **fields}),
        await alice.ask("POST", "/v1/images", files={"file": data}, data=fields),
    ):
        problem(answer, 422, slug)
        assert answer.json()["errors"][0]["pointer"] in ("/callback_url", "/callback_token", "")
    fresh = {**alice.signed, "Framelog-After": made["position"]}
    listed = (await alice.http.get("/v1/images", headers=fresh)).json()["items"]
    assert [one["id"] for one in listed] == [made["id"]]


async def verified(who: Person, hooks: Receiver, count: int) -> list[Any]:
    """What is said in so many calls."""
    key = await secret(who)
    return [call.verified(key) for call in await called(hooks, count)]
