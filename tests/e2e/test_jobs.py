"""Jobs over HTTP: one algorithm on one image, asked for, looked at, tried again."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from tests.e2e.people import Person, ended, listed, new_picture, problem
from tests.query.world import World, world
from tests.running import Stack

pytestmark = pytest.mark.asyncio(loop_scope="module")

HOUSE = ("metadata", "exif", "thumbnail", "colors", "hash", "quality")
FIELDS = {
    *("id", "status", "algorithm", "algorithm_version", "params", "image_id", "result", "error", "attempts"),
    *("created_at", "started_at", "finished_at", "callback"),
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(stack: Stack) -> AsyncIterator[World]:
    async with world(stack) as one, one.house.run("services.analyzer"):
        yield one


async def image(who: Person, data: bytes | None = None) -> str:
    answer = await who.ask("POST", "/v1/images", files={"file": data or new_picture()})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def job(who: Person, image_id: str, algorithm: str, **parts: Any) -> dict[str, Any]:
    answer = await who.ask("POST", "/v1/jobs", json={"image_id": image_id, "algorithm": algorithm, **parts})
    assert answer.status_code == 202, answer.text
    assert answer.headers["location"] == f"/v1/jobs/{answer.json()['id']}"
    found: dict[str, Any] = answer.json()
    return found


async def test_a_job_is_asked_for_and_ends_with_its_result(served: World, alice: Person) -> None:
    image_id = await image(alice)
    asked = await job(alice, image_id, "hash")
    assert set(asked) == {*FIELDS, "position"}
    assert (asked["algorithm"], asked["image_id"], asked["attempts"]) == ("hash", image_id, 1)
    done = await ended(served, alice, asked["id"])
    assert set(done) == FIELDS
    assert (done["status"], done["error"], set(done["result"])) == ("succeeded", None, {"phash", "dhash"})
    assert done["created_at"] <= done["finished_at"]
    seen = (await alice.ask("GET", f"/v1/images/{image_id}")).json()
    assert seen["version"] == 1
    assert done["result"] == seen["analysis"]["results"]["hash"]["result"]


async def test_algorithm_name_is_another_word_for_algorithm(served: World, alice: Person) -> None:
    body = {"image_id": await image(alice), "algorithm_name": "colors"}
    answer = await alice.ask("POST", "/v1/jobs", json=body)
    assert (answer.status_code, answer.json()["algorithm"]) == (202, "colors")
    assert (await ended(served, alice, answer.json()["id"]))["status"] == "succeeded"


async def test_what_cannot_be_asked_for_is_refused(alice: Person, bob: Person) -> None:
    image_id = await image(alice)
    for body, status, slug in (
        ({"image_id": image_id, "algorithm": "magic"}, 422, "invalid-request"),
        ({"image_id": image_id, "algorithm": "hash", "params": {"size": 5}}, 422, "invalid-params"),
        ({"image_id": image_id, "algorithm": "hash", "params": []}, 422, "invalid-request"),
        ({"image_id": image_id}, 422, "invalid-request"),
        ({"algorithm": "hash"}, 422, "invalid-request"),
        ({"image_id": image_id, "algorithm": "hash", "when": "now"}, 422, "invalid-request"),
        ({"image_id": "fake", "algorithm": "hash"}, 404, "not-found"),
    ):
        problem(await alice.ask("POST", "/v1/jobs", json=body), status, slug)
    problem(await bob.ask("POST", "/v1/jobs", json={"image_id": image_id, "algorithm": "hash"}), 404, "not-found")


async def test_a_job_on_a_damaged_picture_fails_with_a_problem_and_can_be_tried_again(
    served: World, alice: Person
) -> None:
    image_id = await image(alice, new_picture()[:2_000])
    asked = await job(alice, image_id, "colors")
    failed = await ended(served, alice, asked["id"])
    assert (failed["status"], failed["result"]) == ("failed", None)
    assert failed["error"]["type"] == "/problems/undecodable-image"
    problem(await alice.ask("GET", f"/v1/jobs/{asked['id']}/content"), 422, "job-failed")
    again = await alice.ask("POST", f"/v1/jobs/{asked['id']}/retry")
    assert (again.status_code, again.json()["id"], again.json()["attempts"]) == (202, asked["id"], 2)
    assert (await ended(served, alice, asked["id"]))["attempts"] == 2


async def test_a_job_is_its_owners_alone(served: World, alice: Person, bob: Person) -> None:
    asked = await job(alice, await image(alice), "hash")
    for method, path in (("GET", ""), ("GET", "/content"), ("POST", "/retry")):
        problem(await bob.ask(method, f"/v1/jobs/{asked['id']}{path}"), 404, "not-found")
        problem(await bob.ask(method, f"/v1/jobs/fake{path}"), 404, "not-found")
    assert (await bob.ask("GET", "/v1/jobs")).json() == {"items": [], "next": None}


async def test_jobs_are_listed_newest_first_by_status(served: World, alice: Person) -> None:
    image_id = await image(alice)
    made = [(await job(alice, image_id, name))["id"] for name in ("hash", "colors", "quality")]
    for job_id in made:
        await ended(served, alice, job_id)
    found = await listed(alice.http, "/v1/jobs", alice.signed, limit=2, status="succeeded")
    assert [one["id"] for one in found] == made[::-1]
    assert (await alice.ask("GET", "/v1/jobs?status=failed")).json()["items"] == []
    problem(await alice.ask("GET", "/v1/jobs?status=done"), 422, "invalid-request")


async def test_a_retry_of_the_request_makes_no_second_job(served: World, alice: Person) -> None:
    body = {"image_id": await image(alice), "algorithm": "hash"}
    headers = {**alice.signed, "Idempotency-Key": "one"}
    answers = [await alice.http.post("/v1/jobs", json=body, headers=headers) for _ in range(2)]
    assert len({one.json()["id"] for one in answers}) == 1
    other = await alice.http.post("/v1/jobs", json={**body, "algorithm": "colors"}, headers=headers)
    problem(other, 422, "idempotency-key-reuse")


async def test_reanalyzing_is_one_job_for_all_the_algorithms(served: World, alice: Person) -> None:
    image_id = await image(alice)
    path = f"/v1/images/{image_id}"
    for body in ({}, {"algorithms": ["poi_detection", "hash"]}):
        answer = await alice.ask("POST", f"{path}/reanalyze", json=body)
        assert answer.status_code == 202, answer.text
        asked = answer.json()
        assert answer.headers["location"] == f"/v1/jobs/{asked['id']}"
        assert set(asked) == {*FIELDS, "position"}
        done = await ended(served, alice, asked["id"])
        assert (done["status"], done["algorithm"], done["params"], done["attempts"]) == ("succeeded", None, {}, 1)
        assert tuple(done["result"]) == tuple(body.get("algorithms", HOUSE))
        assert {tuple(one) for one in done["result"].values()} == {("algorithm_version", "completed_at", "result")}
        assert done["created_at"] <= done["finished_at"]
    assert done["result"]["poi_detection"]["result"]["points"]
    seen = (await alice.ask("GET", path)).json()
    assert seen["version"] == 1
    assert done["result"]["hash"]["result"] == seen["analysis"]["results"]["hash"]["result"]
    problem(await alice.ask("GET", f"/v1/jobs/{done['id']}/content"), 404, "not-found")


async def test_reanalyzing_with_one_algorithm_is_a_job_like_any_other(served: World, alice: Person) -> None:
    path = f"/v1/images/{await image(alice)}/reanalyze"
    headers = {**alice.signed, "Idempotency-Key": "again"}
    made = [await alice.http.post(path, json={"algorithms": ["hash"]}, headers=headers) for _ in range(2)]
    assert len({one.json()["id"] for one in made}) == 1
    done = await ended(served, alice, made[0].json()["id"])
    assert (done["algorithm"], set(done["result"])) == ("hash", {"phash", "dhash"})


async def test_reanalyzing_a_damaged_picture_fails_once_for_all_and_can_be_tried_again(
    served: World, alice: Person
) -> None:
    image_id = await image(alice, new_picture()[:2_000])
    asked = (await alice.ask("POST", f"/v1/images/{image_id}/reanalyze")).json()
    failed = await ended(served, alice, asked["id"])
    assert (failed["status"], failed["error"]["type"]) == ("failed", "/problems/undecodable-image")
    assert (await alice.ask("POST", f"/v1/jobs/{asked['id']}/retry")).json()["attempts"] == 2
    assert (await ended(served, alice, asked["id"]))["status"] == "failed"


async def test_what_cannot_be_reanalyzed_is_refused(alice: Person) -> None:
    path = f"/v1/images/{await image(alice)}"
    for body in ({"algorithms": ["magic"]}, {"algorithms": []}, {"algorithms": ["compress"]}, {"campaign": ""}):
        problem(await alice.ask("POST", f"{path}/reanalyze", json=body), 422, "invalid-request")
    problem(await alice.ask("POST", "/v1/images/fake/reanalyze", json={}), 404, "not-found")
    assert (await alice.http.delete(path, headers={**alice.signed, "If-Match": "*"})).status_code == 204
    problem(await alice.ask("POST", f"{path}/reanalyze", json={}), 404, "not-found")


async def test_a_deleted_image_is_not_worked_on(alice: Person) -> None:
    image_id = await image(alice)
    headers = {**alice.signed, "If-Match": "*"}
    assert (await alice.http.delete(f"/v1/images/{image_id}", headers=headers)).status_code == 204
    problem(await alice.ask("POST", "/v1/jobs", json={"image_id": image_id, "algorithm": "hash"}), 404, "not-found")


async def test_a_job_that_makes_a_picture_gives_it_as_bytes_and_as_json(served: World, alice: Person) -> None:
    asked = await job(alice, await image(alice), "thumbnail")
    await ended(served, alice, asked["id"])
    path = f"/v1/jobs/{asked['id']}/content"
    picture = await alice.ask("GET", path)
    assert (picture.status_code, picture.headers["content-type"]) == (200, "image/jpeg")
    told = (await alice.http.get(path, headers={**alice.signed, "Accept": "application/json"})).json()
    assert set(told) == {"sha256", "media_type", "width", "height", "base64"}
    headers = {**alice.signed, "If-None-Match": picture.headers["etag"]}
    assert (await alice.http.get(path, headers=headers)).status_code == 304
    no_picture = await job(alice, (await alice.ask("GET", f"/v1/jobs/{asked['id']}")).json()["image_id"], "hash")
    await ended(served, alice, no_picture["id"])
    problem(await alice.ask("GET", f"/v1/jobs/{no_picture['id']}/content"), 404, "not-found")
