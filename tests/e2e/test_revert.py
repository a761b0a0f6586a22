"""Going back to an earlier version, which is one more version: words, file name and bytes as they were."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import httpx
import pytest
import pytest_asyncio

from tests.e2e.people import Json, Person, new_picture, problem
from tests.query.world import World, world
from tests.running import Stack

pytestmark = pytest.mark.asyncio(loop_scope="module")

OF_A_VERSION = ("filename", "title", "description", "tags", "visibility", "sha256", "size", "media_type", "width")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(stack: Stack) -> AsyncIterator[World]:
    async with world(stack) as one, one.house.run("services.analyzer"):
        yield one


async def done(answer: httpx.Response) -> Json:
    assert answer.status_code in (200, 201), answer.text
    found: Json = answer.json()
    return found


async def changed(who: Person, method: str, path: str, **parts: Any) -> Json:
    answer = await who.http.request(method, path, headers={**who.signed, "If-Match": "*"}, **parts)
    return await done(answer)


async def reverted(who: Person, path: str, version: Any, **headers: str) -> httpx.Response:
    return await who.http.post(f"{path}/revert", json={"version": version}, headers={**who.signed, **headers})


async def with_three_versions(who: Person) -> tuple[str, list[Json], list[bytes]]:
    """An image's path, its versions as they were answered, and their bytes."""
    first, second = new_picture(), new_picture()
    form = {"title": "One", "description": "first", "tags": ["a", "b"]}
    versions = [await done(await who.ask("POST", "/v1/images", files={"file": ("1.jpg", first)}, data=form))]
    path = f"/v1/images/{versions[0]['id']}"
    patch = {"title": "Two", "description": None, "tags": ["c"], "visibility": "public", "filename": "2.jpg"}
    versions.append(await changed(who, "PATCH", path, json=patch))
    versions.append(await changed(who, "PUT", f"{path}/content", content=second))
    return path, versions, [first, first, second]


def of_a_version(image: Json) -> Json:
    return {name: image[name] for name in OF_A_VERSION}


async def test_each_version_can_be_had_again_with_its_bytes_and_its_results(served: World, alice: Person) -> None:
    path, versions, data = await with_three_versions(alice)
    for number, earlier in enumerate((1, 3, 2, 1), start=4):
        answer = await reverted(alice, path, earlier)
        image = await done(answer)
        assert answer.headers["etag"] == f'"{number}"'
        assert (image["version"], of_a_version(image)) == (number, of_a_version(versions[earlier - 1]))
        assert (await alice.ask("GET", f"{path}/content")).content == data[earlier - 1]

        async def analysed() -> Json | None:
            now: Json = (await alice.ask("GET", path)).json()
            return now if now["analysis"]["status"] == "completed" else None

        now = await served.until(analysed)
        assert now is not None
        assert len(now["renditions"]) == 3
        assert (await alice.ask("GET", now["renditions"][0]["url"])).status_code == 200


async def test_the_history_says_that_it_went_back(served: World, alice: Person) -> None:
    path, _, _ = await with_three_versions(alice)
    await done(await reverted(alice, path, 1))
    *_, last = [one for one in (await alice.ask("GET", f"{path}/history")).json()["items"] if one["version"]]
    assert (last["actor"], last["accepted"], last["version"]) == (alice.name, True, 4)
    assert last["changes"]["title"] == ["Two", "One"]
    assert last["changes"]["sha256"][0] != last["changes"]["sha256"][1]


async def test_going_back_to_the_version_it_has_is_a_version_too(served: World, alice: Person) -> None:
    path, versions, _ = await with_three_versions(alice)
    image = await done(await reverted(alice, path, 3))
    assert (image["version"], of_a_version(image)) == (4, of_a_version(versions[2]))


async def test_what_a_deleted_version_was_before_can_be_had_again(served: World, alice: Person) -> None:
    path, versions, _ = await with_three_versions(alice)
    answer = await alice.http.delete(path, headers={**alice.signed, "If-Match": "*"})
    assert answer.status_code == 204
    problem(await reverted(alice, path, 1), 404, "not-found")
    await done(await alice.ask("POST", f"{path}/restore"))
    image = await done(await reverted(alice, path, 4))
    assert (image["deleted_at"], of_a_version(image)) == (None, of_a_version(versions[2]))


async def test_a_version_that_there_never_was_is_refused_and_changes_nothing(served: World, alice: Person) -> None:
    path, _, _ = await with_three_versions(alice)
    for version in (4, 2**31 - 1):
        said = problem(await reverted(alice, path, version), 422, "invalid-request")
        assert (said["errors"][0]["pointer"], "at version 3" in said["detail"]) == ("/version", True)
    for version in (0, -1, 2**31, "1", 1.5, True, None, []):
        said = problem(await reverted(alice, path, version), 422, "invalid-request")
        assert said["errors"][0]["pointer"] == "/version"
    assert (await alice.ask("GET", path)).json()["version"] == 3


async def test_a_version_that_the_read_model_has_not_seen_yet_is_waited_for(served: World, alice: Person) -> None:
    path, _, _ = await with_three_versions(alice)
    with served.projector_frozen():
        pending = alice.http.patch(path, json={"title": "Four"}, headers={**alice.signed, "If-Match": "*"}, timeout=15)
        assert (await pending).status_code == 202
    assert (await done(await reverted(alice, path, 4)))["title"] == "Four"


async def test_who_has_read_a_version_can_say_so(served: World, alice: Person) -> None:
    path, _, _ = await with_three_versions(alice)
    problem(await reverted(alice, path, 1, **{"If-Match": '"2"'}), 412, "version-mismatch")
    assert (await done(await reverted(alice, path, 1, **{"If-Match": '"3"'})))["version"] == 4
    assert (await done(await reverted(alice, path, 1, **{"If-Match": "*"})))["version"] == 5


async def test_a_retry_goes_back_once(served: World, alice: Person) -> None:
    path, _, _ = await with_three_versions(alice)
    key = {"Idempotency-Key": uuid4().hex}
    answers = [await done(await reverted(alice, path, 1, **key)) for _ in range(3)]
    assert {one["version"] for one in answers} == {4}
    problem(await reverted(alice, path, 2, **key), 422, "idempotency-key-reuse")
    assert (await alice.ask("GET", path)).json()["version"] == 4


async def test_nobody_goes_back_with_what_is_anothers(served: World, alice: Person, bob: Person) -> None:
    path, _, _ = await with_three_versions(alice)
    problem(await reverted(bob, path, 1), 403, "forbidden")
    await changed(alice, "PATCH", path, json={"visibility": "private"})
    for version in (1, 99):
        problem(await reverted(bob, path, version), 404, "not-found")
