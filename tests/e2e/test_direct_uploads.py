"""Uploads straight into object storage: offered, put, completed; and everything a client may put there instead."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio

from tests.e2e.people import Person, new_picture, problem
from tests.query.world import World, world
from tests.running import Stack

pytestmark = pytest.mark.asyncio(loop_scope="module")

MIB = 1024 * 1024


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(stack: Stack) -> AsyncIterator[World]:
    async with world(stack) as one:
        yield one


async def offered(who: Person, data: bytes, **changes: Any) -> dict[str, Any]:
    body = {"filename": "direct.jpg", "size": len(data), "sha256": hashlib.sha256(data).hexdigest(), **changes}
    answer = await who.ask("POST", "/v1/uploads", json=body)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    assert set(found) == {"id", "url", "headers", "expires_at"}
    return found


async def put(offer: dict[str, Any], data: bytes) -> None:
    async with httpx.AsyncClient() as client:
        assert (await client.put(offer["url"], content=data, headers=offer["headers"])).status_code == 200


async def complete(who: Person, offer: dict[str, Any]) -> httpx.Response:
    return await who.ask("POST", f"/v1/uploads/{offer['id']}/complete")


async def temporary(served: World) -> list[str]:
    return [one.key async for one in served.objects.list("uploads/")]


@pytest.mark.parametrize("more", [0, 12 * MIB])
async def test_bytes_that_were_put_become_an_image(served: World, alice: Person, more: int) -> None:
    data = new_picture() + bytes(more)
    offer = await offered(alice, data)
    await put(offer, data)
    answer = await complete(alice, offer)
    made = answer.json()
    assert (answer.status_code, answer.headers["location"]) == (201, f"/v1/images/{made['id']}")
    assert (made["filename"], made["size"], made["origin"]) == ("direct.jpg", len(data), "upload")
    assert (await alice.ask("GET", f"/v1/images/{made['id']}/content")).content == data
    assert await temporary(served) == []


async def test_completing_again_and_at_once_makes_one_image(served: World, alice: Person) -> None:
    data = new_picture()
    offer = await offered(alice, data)
    await put(offer, data)
    answers = await asyncio.gather(*(complete(alice, offer) for _ in range(3)))
    answers.append(await complete(alice, offer))
    assert {one.status_code for one in answers} <= {200, 201, 409}
    assert answers[-1].status_code == 201
    assert len({one.json()["id"] for one in answers if one.is_success}) == 1
    assert len((await alice.ask("GET", "/v1/images")).json()["items"]) == 1


async def test_a_retry_of_an_announcement_is_offered_the_same_place(alice: Person) -> None:
    data, headers = new_picture(), {**alice.signed, "Idempotency-Key": "one"}
    body = {"filename": "direct.jpg", "size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    first, again = [(await alice.http.post("/v1/uploads", json=body, headers=headers)).json() for _ in range(2)]
    assert (first["id"], first["expires_at"]) == (again["id"], again["expires_at"])
    other = await alice.http.post("/v1/uploads", json={**body, "size": 5}, headers=headers)
    problem(other, 422, "idempotency-key-reuse")


async def test_other_bytes_than_were_announced_are_refused(served: World, alice: Person) -> None:
    data = new_picture()
    for other in (data[:-1], new_picture(), data + b"x"):
        offer = await offered(alice, data)
        await put(offer, other)
        problem(await complete(alice, offer), 422, "upload-mismatch")
    page = b"<!doctype html>" * 100
    offer = await offered(alice, page)
    await put(offer, page)
    problem(await complete(alice, offer), 415, "unsupported-media-type")
    assert (await alice.ask("GET", "/v1/images")).json()["items"] == []


async def test_nothing_put_is_nothing_to_complete(alice: Person, bob: Person) -> None:
    problem(await complete(alice, await offered(alice, b"some")), 409, "upload-missing")
    problem(await alice.ask("POST", "/v1/uploads/fake/complete"), 404, "not-found")
    problem(await complete(bob, await offered(alice, b"some")), 404, "not-found")


async def test_what_cannot_be_an_image_is_not_offered(alice: Person) -> None:
    good = {"filename": "a.jpg", "size": 5, "sha256": "0" * 64}
    for changed, status, slug in (
        ({"size": 0}, 422, "invalid-request"),
        ({"size": "many"}, 422, "invalid-request"),
        ({"sha256": "abc"}, 422, "invalid-request"),
        ({"filename": "/"}, 422, "invalid-request"),
        ({"more": 1}, 422, "invalid-request"),
        ({"size": 10**12}, 413, "too-large"),
    ):
        problem(await alice.ask("POST", "/v1/uploads", json={**good, **changed}), status, slug)
