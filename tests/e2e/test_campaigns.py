"""Campaigns over HTTP: images are analysed again beside everything else, and nothing but their facts changes."""

from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import httpx
import pytest
import pytest_asyncio

from contracts import ids
from tests.e2e.people import Person, listed, new_picture, problem
from tests.query.world import World, world
from tests.running import Stack

pytestmark = pytest.mark.asyncio(loop_scope="module")

GHOST = "5f0c2a54-4c0e-5f61-9d53-0d2f5a7b6c11"
Json = dict[str, Any]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(stack: Stack) -> AsyncIterator[World]:
    async with world(stack, algorithms="metadata") as one, one.house.run("services.analyzer"):
        yield one


async def uploaded(who: Person) -> Json:
    answer = await who.ask("POST", "/v1/images", files={"file": new_picture()})
    assert answer.status_code == 201, answer.text
    found: Json = answer.json()
    return found


def body(*images: str, campaign: str = "hash-1") -> Json:
    return {"campaign": campaign, "algorithms": ["hash"], "images": list(images)}


async def asked(who: Person, *images: str, campaign: str = "hash-1") -> list[Json]:
    answer = await who.ask("POST", "/v1/images:reanalyze", json=body(*images, campaign=campaign))
    assert answer.status_code == 202, answer.text
    items: list[Json] = answer.json()["items"]
    return items


async def analysed(who: Person, image_id: str) -> bool:
    """What was wanted of it when it was uploaded has been found."""
    answer = await who.ask("GET", f"/v1/images/{image_id}")
    return bool(answer.json()["analysis"]["status"] == "completed")


async def lived(who: Person, image_id: str) -> list[Json]:
    """Its history."""
    return await listed(who.http, f"/v1/images/{image_id}/history", who.signed)


async def ended(served: World, who: Person, *images: str, campaign: str = "hash-1") -> list[Json]:
    async def over() -> list[Json] | None:
        items = await asked(who, *images, campaign=campaign)
        return items if all(one["status"] in ("completed", "failed") for one in items) else None

    found = await served.until(over, within=40)
    assert found
    return found


async def test_images_are_analysed_and_nothing_of_them_changes_but_their_facts(served: World, alice: Person) -> None:
    images = [(await uploaded(alice))["id"] for _ in range(3)]
    items = await ended(served, alice, *images)
    assert [one["image_id"] for one in items] == images
    assert {one["status"] for one in items} == {"completed"}
    for image_id in images:
        await served.until(partial(analysed, alice, image_id))
        shown = (await alice.ask("GET", f"/v1/images/{image_id}?versions=all")).json()
        assert (shown["version"], set(shown["analysis"]["results"])) == (1, {"metadata"})
        assert set(shown["analysis"]["versions"]) == {"metadata", "hash"}
        (asked_for,) = [one for one in await lived(alice, image_id) if one["type"].startswith("framelog.reanalysis.")]
        assert (asked_for["actor"], asked_for["version"], asked_for["changes"]) == (alice.name, None, {})
        assert asked_for["details"] == {"campaign": "hash-1", "algorithms": {"hash": None}}
    assert await listed(alice.http, "/v1/jobs", alice.signed) == []


async def test_the_same_campaign_and_image_are_one_event_however_they_are_asked_for(
    served: World, alice: Person
) -> None:
    image = (await uploaded(alice))["id"]
    first = await asked(alice, image, campaign="once")
    single = await alice.ask("POST", f"/v1/images/{image}/reanalyze", json={"algorithms": ["hash"], "campaign": "once"})
    assert single.status_code == 202
    assert single.headers["framelog-position"] == single.json()["position"] == first[0]["position"]
    assert single.json()["event_id"] == first[0]["event_id"] == str(ids.reanalysis("once", image, ["hash"]))
    (done,) = await ended(served, alice, image, campaign="once")
    assert done["position"] == first[0]["position"]
    other = await asked(alice, image, campaign="twice")
    assert other[0]["event_id"] != first[0]["event_id"]


async def test_a_campaign_decides_no_status(served: World, alice: Person) -> None:
    image = (await alice.ask("POST", "/v1/images", files={"file": new_picture()[:-2000]})).json()["id"]
    (one,) = await ended(served, alice, image, campaign="broken")
    assert one["status"] == "failed"
    assert one["failures"][0]["algorithm"] == "hash"
    shown = (await alice.ask("GET", f"/v1/images/{image}")).json()
    assert shown["analysis"]["status"] in ("completed", "queued", "running")
    assert all(failure["algorithm"] != "hash" for failure in shown["analysis"]["failures"])


async def test_what_is_deleted_or_anothers_or_no_image_is_gone(served: World, alice: Person, bob: Person) -> None:
    mine, gone = (await uploaded(alice))["id"], (await uploaded(alice))["id"]
    foreign = (await uploaded(bob))["id"]
    deleted = await alice.http.delete(f"/v1/images/{gone}", headers={**alice.signed, "If-Match": "*"})
    assert deleted.status_code == 204
    items = await asked(alice, mine, gone, foreign, GHOST, "fake")
    assert {one["image_id"]: one["status"] for one in items} == {
        mine: "queued",
        **dict.fromkeys([gone, foreign, GHOST, "fake"], "gone"),
    }
    for image_id in (gone, foreign, GHOST):
        answer = await alice.ask("POST", f"/v1/images/{image_id}/reanalyze", json={"campaign": "c"})
        problem(answer, 404, "not-found")


async def test_admins_ask_for_anybodys_images(served: World, bob: Person) -> None:
    image = (await uploaded(bob))["id"]
    admin = served.house.bearer()
    answer = await bob.http.post("/v1/images:reanalyze", headers=admin, json=body(image, campaign="house"))
    assert answer.json()["items"][0]["status"] == "queued"
    assert (await asked(bob, image, campaign="house"))[0]["event_id"] == answer.json()["items"][0]["event_id"]
    plain = await bob.http.post(f"/v1/images/{image}/reanalyze", headers=admin)
    problem(plain, 404, "not-found")  # without a campaign an admin is a stranger


async def test_a_key_that_was_used_for_another_campaign_is_refused(served: World, alice: Person) -> None:
    image = (await uploaded(alice))["id"]
    headers = {**alice.signed, "Idempotency-Key": "campaign-key"}
    for campaign, status in (("one", 202), ("one", 202), ("two", 422)):

        async def answered(campaign: str = campaign) -> httpx.Response:
            return await alice.http.post("/v1/images:reanalyze", headers=headers, json=body(image, campaign=campaign))

        answer = await answered()
        assert answer.status_code == status, answer.text
        position = answer.json().get("items", [{}])[0].get("position")
        if position:
            await alice.http.get("/v1/images", headers={**alice.signed, "Framelog-After": position})
    problem(answer, 422, "idempotency-key-reuse")


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"campaign": ""}, "/campaign"),
        ({"campaign": "a b"}, "/campaign"),
        ({"algorithms": ["magic"]}, "/algorithms"),
        ({"images": []}, "/images"),
        ({"images": [GHOST] * 201}, "/images"),
        ({"colour": "red"}, "/colour"),
    ],
)
async def test_what_is_wrong_is_named(alice: Person, change: Json, pointer: str) -> None:
    answer = await alice.ask("POST", "/v1/images:reanalyze", json=body(GHOST) | change)
    assert problem(answer, 422, "invalid-request")["errors"][0]["pointer"] == pointer


async def test_promotion_is_for_admins_of_versions_that_there_are(served: World, alice: Person) -> None:
    forbidden = await alice.ask("POST", "/v1/algorithms/hash/promote", json={"version": 1})
    problem(forbidden, 403, "forbidden")
    admin = served.house.bearer()

    async def promote(name: str, **body: object) -> httpx.Response:
        return await alice.http.post(f"/v1/algorithms/{name}/promote", headers=admin, json=body)

    problem(await promote("magic", version=1), 404, "not-found")
    for wrong in (7, "7", -1, True, "one", None, 2**40):
        assert (
            problem(await promote("hash", version=wrong), 422, "invalid-request")["errors"][0]["pointer"] == "/version"
        )
    first, again = await promote("hash", version=1), await promote("hash", version="1")
    assert (first.status_code, again.status_code) == (200, 200)
    assert first.json()["promoted_at"] == again.json()["promoted_at"]
    problem(await promote("hash", version=1, expected=9), 409, "version-promoted")
