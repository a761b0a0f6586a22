"""One image over HTTP, its history, the verdicts on what was asked of it, and the rule that a no is fresh."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from contracts.images import Wanted
from tests import events
from tests.events import sha, uid
from tests.query.world import World, world
from tests.running import Stack

pytestmark = pytest.mark.asyncio(loop_scope="module")

NO_IDS = ("fake", "9999", "00000000-0000-0000-0000-00000000000g", "%00", "a/../b")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def at(stack: Stack) -> AsyncIterator[World]:
    async with world(stack) as one:
        yield one


async def test_an_image_is_shown_whole_to_its_owner(at: World) -> None:
    found = {"exif": {"make": "Canon", "model": None}, "hash": {"phash": "0" * 16, "dhash": "f" * 16}}
    image = await at.upload("whole", found, title="Beach", tags=("sea",))
    await at.until(lambda: at.listed(status="completed", tag="sea"))
    answer = await at.get(f"/v1/images/{image}")
    assert answer.status_code == 200
    assert answer.headers["etag"] == '"1"'
    assert answer.headers["cache-control"] == "private, no-cache"
    body = answer.json()
    assert answer.headers["framelog-position"] == body["position"]
    assert (body["id"], body["owner"], body["version"], body["title"], body["tags"]) == (
        str(image),
        "admin",
        1,
        "Beach",
        ["sea"],
    )
    assert (body["sha256"], body["size"], body["deleted_at"]) == (sha("whole"), 1000, None)
    assert body["content_url"] == f"/v1/images/{image}/content"
    assert body["analysis"]["status"] == "completed"
    assert body["analysis"]["failures"] == []
    assert {name: one["result"] for name, one in body["analysis"]["results"].items()} == found
    assert {one["algorithm_version"] for one in body["analysis"]["results"].values()} == {"1"}
    assert body["created_at"].endswith("Z")


async def test_the_etag_of_an_image_is_its_version_and_never_spares_the_answer(at: World) -> None:
    image = await at.upload("versions")
    await at.append(events.updated(image, owner="admin", changes={"title": "Two"}))
    answer = await at.get(f"/v1/images/{image}", headers={"If-None-Match": '"2"'})
    assert (answer.status_code, answer.headers["etag"], answer.json()["title"]) == (200, '"2"', "Two")


async def test_others_see_only_the_public_view_of_a_public_image(at: World) -> None:
    image = await at.upload("public", owner="bob", visibility="public", title="Sea")
    body = (await at.get(f"/v1/images/{image}")).json()
    assert set(body) == {"id", "owner", "version", "width", "height", "title", "tags", "created_at", "renditions"}
    for part in ("content", "history"):
        refused = await at.get(f"/v1/images/{image}/{part}")
        assert (refused.status_code, refused.json()["type"]) == (403, "/problems/forbidden"), part


async def test_what_is_private_deleted_missing_or_no_id_is_not_found_all_alike(at: World) -> None:
    private = await at.upload("private", owner="bob")
    deleted = await at.upload("deleted")
    await at.append(events.deleted(deleted))
    shapes = set()
    for image in (private, deleted, uid("nobody"), *NO_IDS[:3]):
        for part in ("", "/content", "/history", "/renditions/small"):
            answer = await at.get(f"/v1/images/{image}{part}")
            assert (answer.status_code, answer.json()["type"]) == (404, "/problems/not-found"), (image, part)
            shapes.add(tuple(sorted(answer.json())))
    assert len(shapes) == 1


@pytest.mark.parametrize("no_id", NO_IDS)
async def test_an_id_that_is_no_id_is_not_found_at_once_even_when_nothing_is_fresh(at: World, no_id: str) -> None:
    with at.projector_frozen():
        begun = time.monotonic()
        for path in (f"/v1/images/{no_id}", f"/v1/images/{no_id}/content", f"/v1/events/{no_id}"):
            assert (await at.client.get(path)).status_code == 404
        assert time.monotonic() - begun < 4


async def test_nobody_is_told_of_an_image_in_the_log_that_there_is_none(at: World) -> None:
    for number in range(40):
        image = await at.upload(("at once", number))
        answer = await at.client.get(f"/v1/images/{image}")
        assert answer.status_code == 200, number


async def test_a_no_waits_for_the_read_model_and_is_later_when_that_takes_too_long(at: World) -> None:
    await at.get(f"/v1/images/{await at.upload('deleted then restored')}")
    await at.append(events.deleted(uid("deleted then restored")))
    assert (await at.get(f"/v1/images/{uid('deleted then restored')}")).status_code == 404
    with at.projector_frozen():
        new = await at.upload("while frozen")
        await at.append(events.restored(uid("deleted then restored")))
        answers = await asyncio.gather(
            *(at.client.get(f"/v1/images/{image}") for image in (new, uid("deleted then restored")))
        )
    for answer in answers:
        assert (answer.status_code, answer.json()["type"]) == (503, "/problems/behind")
        assert int(answer.headers["retry-after"]) >= 1
    for image in (new, uid("deleted then restored")):
        assert (await at.client.get(f"/v1/images/{image}")).status_code == 200


async def test_a_read_after_a_position_waits_until_the_read_model_has_it(at: World) -> None:
    image = await at.upload("position")
    with at.projector_frozen():
        await at.append(events.updated(image, owner="admin", changes={"title": "New"}))
        stale = await at.client.get(f"/v1/images/{image}")
        waiting = asyncio.create_task(at.get(f"/v1/images/{image}"))
        await asyncio.sleep(0.3)
        assert not waiting.done()
    assert (await waiting).json()["title"] == "New"
    assert stale.status_code in (200, 503)


async def test_a_position_that_does_not_come_is_later(at: World) -> None:
    answer = await at.client.get("/v1/images", headers={"Framelog-After": "framelog.images:0:999999"})
    assert (answer.status_code, answer.json()["type"]) == (503, "/problems/behind")
    assert answer.headers["retry-after"]


@pytest.mark.parametrize(
    "position",
    [
        "",
        "x",
        "framelog.images",
        "framelog.images:0",
        "framelog.images:99:0",
        "other:0:0",
        "framelog.images:0:-1",
        "a:b:c",
    ],
)
async def test_what_is_no_position_is_refused(at: World, position: str) -> None:
    answer = await at.client.get("/v1/images", headers={"Framelog-After": position})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/header/framelog-after"


async def test_the_history_tells_every_event_of_the_image_and_no_other(at: World) -> None:
    image = await at.upload("history", {"hash": {"phash": "0" * 16}}, title="One")
    await at.append(events.updated(image, owner="admin", actor="admin", expected_version=1, changes={"title": "Two"}))
    await at.append(events.updated(image, owner="admin", actor="admin", expected_version=1, changes={"title": "Late"}))
    every = (await at.get(f"/v1/images/{image}/history")).json()["items"]
    items = [one for one in every if one["type"] != "framelog.analysis.completed.v1"]
    assert [one["type"] for one in items] == ["framelog.image.uploaded.v1", *["framelog.image.updated.v1"] * 2]
    assert [(one["version"], one["accepted"], one["reason"]) for one in items] == [
        (1, True, None),
        (2, True, None),
        (None, False, "version-mismatch"),
    ]
    assert items[0]["event_id"] == str(uid(("upload", "history")))
    assert items[0]["changes"]["title"] == [None, "One"]
    assert items[1]["changes"] == {"title": ["One", "Two"]}
    assert {one["actor"] for one in items} == {"admin"}
    assert [int(one["position"].rpartition(":")[2]) for one in items] == sorted(
        int(one["position"].rpartition(":")[2]) for one in items
    )


async def test_an_event_has_a_verdict_for_who_asked_for_it(at: World) -> None:
    image = await at.upload("verdicts")
    accepted = await at.append(events.updated(image, owner="admin", expected_version=1, changes={"title": "Yes"}))
    rejected = await at.append(events.updated(image, owner="admin", expected_version=1, changes={"title": "No"}))
    yes, no = [(await at.get(f"/v1/events/{event}")).json() for event in (accepted, rejected)]
    assert (yes["status"], yes["reason"], yes["version"], yes["image_id"]) == ("accepted", None, 2, str(image))
    assert (no["status"], no["reason"], no["version"]) == ("rejected", "version-mismatch", None)
    assert yes["event_id"] == str(accepted)
    assert yes["position"].startswith("framelog.images:")


async def test_an_event_that_the_read_model_has_not_seen_is_pending(at: World) -> None:
    image = await at.upload("pending")
    await at.get(f"/v1/images/{image}")
    with at.projector_frozen():
        event = await at.append(events.updated(image, owner="admin", changes={"title": "Soon"}))
        answer = await at.client.get(f"/v1/events/{event}")
    assert (answer.status_code, answer.json()["status"]) == (200, "pending")
    assert (await at.get(f"/v1/events/{event}")).json()["status"] == "accepted"


async def test_anothers_event_is_not_found_like_one_that_nobody_asked_for(at: World) -> None:
    await at.upload("bobs", owner="bob", visibility="public")
    for event in (uid(("upload", "bobs")), uid("nothing")):
        assert (await at.get(f"/v1/events/{event}")).status_code == 404


async def test_the_algorithms_say_what_they_are(at: World) -> None:
    items = (await at.get("/v1/algorithms")).json()["items"]
    by_name = {one["name"]: one for one in items}
    assert {"metadata", "exif", "thumbnail", "colors", "hash", "quality"} <= set(by_name)
    for one in by_name.values():
        said = {"name", "version", "enabled", "reason", "description", "params_schema", "result_schema"}
        assert set(one) == said | {"current_version", "versions"}
        assert one["enabled"] == (one["reason"] is None)
    assert by_name["hash"]["enabled"]
    assert by_name["hash"]["version"] == "1"
    assert set(by_name["hash"]["result_schema"]["properties"]) == {"phash", "dhash"}


async def test_a_failure_says_what_kind_it_is_and_how_often_it_was_tried(at: World) -> None:
    image = await at.upload("failed", wanted=(Wanted(algorithm="hash"),))
    await at.append(
        events.failed(
            image, uid(("upload", "failed")), owner="admin", sha256=sha("failed"), wanted=(Wanted(algorithm="hash"),)
        )
    )
    await at.until(lambda: at.listed(status="failed"))
    (failure,) = (await at.get(f"/v1/images/{image}")).json()["analysis"]["failures"]
    assert (failure["algorithm"], failure["type"], failure["attempts"]) == ("hash", "/problems/undecodable-image", 1)


async def test_it_is_ready(at: World) -> None:
    for path in ("/readyz", "/health"):
        answer = await at.client.get(path)
        assert (answer.status_code, answer.json()) == (200, {"status": "ready"})
