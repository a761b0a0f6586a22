"""Uploads and changes over HTTP, down to the objects and the events they leave."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import httpx
import psycopg
import pytest
import pytest_asyncio
from aiokafka import AIOKafkaConsumer, TopicPartition

from contracts import ids
from contracts.codec import decode
from contracts.events import Position, Recorded
from contracts.topics import IMAGES
from tests import pictures
from tests.ingest.serving import MIB, Served, own_house, serving
from tests.running import House, Stack

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(stack: Stack) -> AsyncIterator[House]:
    async with own_house(stack) as house, house.run("services.projector"):
        await projected(house)
        yield house


async def projected(house: House) -> None:
    """Returns once there is a read model."""
    async with asyncio.timeout(20), await psycopg.AsyncConnection.connect(house.database, autocommit=True) as postgres:
        while True:
            try:
                await postgres.execute("SELECT FROM framelog.images")
                return
            except psycopg.errors.Error:
                await asyncio.sleep(0.05)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(house: House) -> AsyncIterator[Served]:
    async with serving(house) as served:
        yield served


@pytest_asyncio.fixture(loop_scope="module")
async def client(served: Served) -> AsyncIterator[httpx.AsyncClient]:
    async with served.client() as client:
        yield client


def picture() -> bytes:
    """A picture that no other test has."""
    return pictures.photograph(200, 150, seed=uuid4().int % 2**32)


async def upload(client: httpx.AsyncClient, data: bytes = b"", **text: Any) -> httpx.Response:
    headers = {"Idempotency-Key": text.pop("key")} if "key" in text else {}
    files = {"file": (text.pop("name", "a.jpg"), data or picture())}
    return await client.post("/v1/images", files=files, data=text, headers=headers)


async def uploaded(client: httpx.AsyncClient, **text: Any) -> str:
    answer = await upload(client, **text)
    assert answer.status_code == 201, answer.text
    return f"/v1/images/{answer.json()['id']}"


async def recorded(house: House, position: str) -> Recorded[Any]:
    """The event at a position of the log."""
    at = Position.parse(position)
    async with AIOKafkaConsumer(bootstrap_servers=house.stack.kafka) as consumer:
        partition = TopicPartition(house.names.physical(at.topic), at.partition)
        consumer.assign([partition])
        consumer.seek(partition, at.offset)
        return decode(house.names.record(await consumer.getone()))


@pytest.mark.parametrize("format", pictures.MEDIA_TYPES)
async def test_every_accepted_format_is_stored_byte_for_byte(
    served: Served, client: httpx.AsyncClient, format: str
) -> None:
    data = pictures.photograph(320, 240, seed=7, format=format)
    answer = await upload(client, data, name="misleading.txt")
    image = answer.json()
    assert answer.status_code == 201
    assert (image["media_type"], image["width"], image["height"]) == (pictures.MEDIA_TYPES[format], 320, 240)
    assert (image["size"], image["sha256"]) == (len(data), hashlib.sha256(data).hexdigest())
    assert await served.objects.get(ids.original_key(image["sha256"])) == data


async def test_an_upload_answers_where_the_image_is_and_where_its_event_stands(
    house: House, client: httpx.AsyncClient
) -> None:
    answer = await upload(client, title="Beach", tags=["sea", "sand", "sea"], visibility="public", algorithms=["hash"])
    image = answer.json()
    assert answer.headers["location"] == f"/v1/images/{image['id']}"
    assert (answer.headers["etag"], answer.headers["framelog-position"]) == ('"1"', image["position"])
    assert (image["owner"], image["title"], image["tags"]) == ("admin", "Beach", ["sea", "sand"])
    found = await recorded(house, image["position"])
    assert str(found.event.image_id) == image["id"]
    assert [one.algorithm for one in found.event.wanted] == ["metadata", "thumbnail", "hash"]
    assert found.event.visibility == "public"


@pytest.mark.parametrize("orientation", range(1, 9))
async def test_width_and_height_are_upright(client: httpx.AsyncClient, orientation: int) -> None:
    image = (await upload(client, pictures.turned(orientation))).json()
    assert (image["width"], image["height"]) == (240, 160)


async def test_an_upload_of_many_mebibytes_streams_through(served: Served, client: httpx.AsyncClient) -> None:
    data = picture() + bytes(14 * MIB)
    image = (await upload(client, data)).json()
    assert await served.objects.get(ids.original_key(image["sha256"])) == data
    assert [key async for key in _temporary(served)] == []


async def _temporary(served: Served) -> AsyncIterator[str]:
    async for one in served.objects.list("uploads/"):
        yield one.key


async def test_a_retried_upload_makes_one_image(client: httpx.AsyncClient) -> None:
    data, key = picture(), uuid4().hex
    first = await upload(client, data, key=key, title="x")
    again = await upload(client, data, key=key, title="x")
    assert (again.status_code, again.json()["id"], again.headers["etag"]) == (201, first.json()["id"], '"1"')


async def test_a_key_is_for_one_request_alone(client: httpx.AsyncClient) -> None:
    data, key = picture(), uuid4().hex
    first = await upload(client, data, key=key)
    await settle(client, first)
    for other in ({"title": "y"}, {"data": picture()}):
        answer = await upload(client, **{"data": data, "key": key, **other})
        assert (answer.status_code, answer.json()["type"]) == (422, "/problems/idempotency-key-reuse")


async def settle(client: httpx.AsyncClient, answer: httpx.Response) -> None:
    """Wait until the read model knows the image, by a change that it must judge."""
    path = f"/v1/images/{answer.json()['id']}"
    assert (await client.patch(path, json={}, headers={"If-Match": "*"})).status_code == 200


async def test_the_same_bytes_again_are_the_same_image_unless_asked_otherwise(client: httpx.AsyncClient) -> None:
    data = picture()
    first = await upload(client, data)
    await settle(client, first)
    again = await upload(client, data)
    assert (again.status_code, again.json()["id"]) == (200, first.json()["id"])
    assert "location" not in again.headers
    other = await upload(client, data, on_duplicate="create")
    assert (other.status_code, other.json()["id"] != first.json()["id"]) == (201, True)


async def test_empty_inputs_of_a_form_say_nothing(client: httpx.AsyncClient) -> None:
    image = (await upload(client, title="", description="", tags=["", "a", ""])).json()
    assert (image["title"], image["description"], image["tags"]) == (None, None, ["a"])


async def test_a_patch_changes_what_it_names_and_takes_away_what_is_null(client: httpx.AsyncClient) -> None:
    path = await uploaded(client, title="a", description="b", tags=["c"], visibility="public")
    changed = await client.patch(
        path,
        content=b'{"title": null, "tags": ["d", "d", "e"], "visibility": null, "filename": "../new.png"}',
        headers={"If-Match": '"1"', "Content-Type": "application/merge-patch+json"},
    )
    image = changed.json()
    assert (changed.status_code, changed.headers["etag"], image["version"]) == (200, '"2"', 2)
    assert (image["title"], image["description"], image["tags"]) == (None, "b", ["d", "e"])
    assert (image["visibility"], image["filename"]) == ("private", "new.png")


@pytest.mark.parametrize("raw", [True, False])
async def test_other_bytes_make_another_version(served: Served, client: httpx.AsyncClient, raw: bool) -> None:
    path, data = (
        await uploaded(client, title="kept"),
        pictures.photograph(64, 48, seed=uuid4().int % 2**32, format="PNG"),
    )
    body: dict[str, Any] = {"content": data} if raw else {"files": {"file": ("b.png", data)}}
    changed = await client.put(f"{path}/content", headers={"If-Match": '"1"'}, **body)
    image = changed.json()
    assert (changed.status_code, image["version"], image["title"]) == (200, 2, "kept")
    assert (image["media_type"], image["width"], image["height"]) == ("image/png", 64, 48)
    assert await served.objects.get(ids.original_key(image["sha256"])) == data


async def test_a_deleted_image_can_be_restored_once(client: httpx.AsyncClient) -> None:
    path = await uploaded(client)
    gone = await client.delete(path, headers={"If-Match": '"1"'})
    assert (gone.status_code, gone.content, gone.headers["etag"]) == (204, b"", '"2"')
    assert (await client.delete(path, headers={"If-Match": "*"})).status_code == 404
    back = await client.post(f"{path}/restore")
    assert (back.status_code, back.json()["version"], back.json()["deleted_at"]) == (200, 3, None)
    again = await client.post(f"{path}/restore")
    assert (again.status_code, again.json()["type"]) == (409, "/problems/image-not-deleted")


async def test_a_change_says_which_version_it_changes(client: httpx.AsyncClient) -> None:
    path = await uploaded(client)
    calls: tuple[tuple[str, str, dict[str, Any]], ...] = (
        ("PATCH", path, {"json": {"title": "x"}}),
        ("PUT", f"{path}/content", {"content": picture()}),
        ("DELETE", path, {}),
    )
    for method, url, body in calls:
        missing = await client.request(method, url, **body)
        assert (missing.status_code, missing.json()["type"]) == (428, "/problems/version-required")
        for stale in ('"7"', "1", 'W/"1"', '"1", "2"'):
            refused = await client.request(method, url, headers={"If-Match": stale}, **body)
            assert (refused.status_code, refused.json()["type"]) == (412, "/problems/version-mismatch")


async def test_two_changes_of_one_version_make_one(client: httpx.AsyncClient) -> None:
    path = await uploaded(client)
    answers = await asyncio.gather(
        *(client.patch(path, json={"title": str(n)}, headers={"If-Match": '"1"'}) for n in range(8))
    )
    assert sorted(answer.status_code for answer in answers) == [200, *[412] * 7]


async def test_a_retried_change_is_one_change(client: httpx.AsyncClient) -> None:
    path, headers = await uploaded(client), {"If-Match": '"1"', "Idempotency-Key": uuid4().hex}
    first = await client.patch(path, json={"title": "x"}, headers=headers)
    again = await client.patch(path, json={"title": "x"}, headers=headers)
    assert (first.status_code, first.json()["version"]) == (again.status_code, again.json()["version"]) == (200, 2)


@pytest.mark.parametrize("id", ["9999", "fake", str(UUID(int=7)), "%00", "..%2f"])
async def test_what_is_not_there_is_404_whatever_is_asked_of_it(client: httpx.AsyncClient, id: str) -> None:
    path, any_version = f"/v1/images/{id}", {"If-Match": "*"}
    for answer in (
        await client.patch(path, json={}, headers=any_version),
        await client.delete(path, headers=any_version),
        await client.put(f"{path}/content", content=picture(), headers=any_version),
        await client.post(f"{path}/restore"),
        await client.post(f"{path}/revert", json={"version": 1}),
    ):
        assert (answer.status_code, answer.json()["type"]) == (404, "/problems/not-found")


async def test_a_change_that_is_refused_leaves_no_object(served: Served, client: httpx.AsyncClient) -> None:
    path, data = await uploaded(client), picture()
    key = ids.original_key(hashlib.sha256(data).hexdigest())
    for target, version in ((path, '"9"'), (f"/v1/images/{uuid4()}", "*")):
        answer = await client.put(f"{target}/content", content=data, headers={"If-Match": version})
        assert answer.status_code in (404, 412)
        assert key not in await served.keys()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b'"x"',
        b'{"colour": 1}',
        b'{"title": 5}',
        b'{"title": "\\u0000"}',
        b'{"title": "\\ud800"}',
        b'{"tags": "a"}',
        b'{"tags": [""]}',
        b'{"visibility": "x"}',
        b'{"filename": null}',
        b'{"filename": ".."}',
    ],
)
async def test_a_patch_of_the_wrong_shape_is_refused(client: httpx.AsyncClient, body: bytes) -> None:
    headers = {"If-Match": "*", "Content-Type": "application/json"}
    answer = await client.patch(f"/v1/images/{UUID(int=7)}", content=body, headers=headers)
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/invalid-request")


@pytest.mark.parametrize(
    ("body", "status"), [(b"{", 400), (b"\xff", 400), (b"[" * 100_000, 400), (b'{"title": "' + b"x" * 2 * MIB, 413)]
)
async def test_json_that_is_none_or_too_much_is_refused(client: httpx.AsyncClient, body: bytes, status: int) -> None:
    headers = {"If-Match": "*", "Content-Type": "application/json"}
    answer = await client.patch(f"/v1/images/{UUID(int=7)}", content=body, headers=headers)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")


async def test_the_log_holds_one_event_per_accepted_request(house: House, client: httpx.AsyncClient) -> None:
    key, data = uuid4().hex, picture()
    answers = [await upload(client, data, key=key, on_duplicate="create") for _ in range(3)]
    found = {(await recorded(house, answer.json()["position"])).cause.event_id for answer in answers}
    assert len(found) == 1
    assert IMAGES.name in answers[0].json()["position"]
