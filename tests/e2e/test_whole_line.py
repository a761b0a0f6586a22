"""The first thing a newcomer does, as a client sees it: upload, and see what Framelog knows."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from tests.pictures import SUFFIXES, in_every_format, photograph
from tests.running import House, stop

Json = dict[str, Any]


@pytest.fixture
async def client(house: House) -> AsyncIterator[httpx.AsyncClient]:
    """The API alone; the test runs the rest."""
    async with house.api() as client:
        yield client


async def analysed(client: httpx.AsyncClient, image_id: str, within: float = 60) -> Json:
    """The image once nothing of it is queued or running."""
    async with asyncio.timeout(within):
        while True:
            answer = await client.get(f"/v1/images/{image_id}")
            if answer.status_code == 200 and answer.json()["analysis"]["status"] not in ("queued", "running"):
                shown: Json = answer.json()
                return shown
            await asyncio.sleep(0.1)


async def test_every_accepted_format_is_analysed_and_comes_back_byte_for_byte(
    house: House, client: httpx.AsyncClient
) -> None:
    pictures = in_every_format()
    async with house.run("services.projector"), house.run("services.analyzer"):
        for format_, data in pictures.items():
            name = f"picture.{SUFFIXES.get(format_, format_.lower())}"
            uploaded = (await client.post("/v1/images", files={"file": (name, data)})).json()
            image = await analysed(client, uploaded["id"])
            assert image["analysis"]["status"] == "completed", (format_, image["analysis"]["failures"])
            assert set(image["analysis"]["results"]) == {"metadata", "exif", "thumbnail", "colors", "hash", "quality"}
            assert (image["width"], image["height"]) == (320, 240)
            assert {one["name"] for one in image["renditions"]} == {"thumb", "small", "large"}
            for rendition in image["renditions"]:
                picture = (await client.get(rendition["url"])).content
                assert rendition["url"].endswith(hashlib.sha256(picture).hexdigest())
            assert (await client.get(image["content_url"])).content == data


async def test_an_upload_may_ask_for_more_than_the_house_does_where_that_needs_no_params(
    house: House, client: httpx.AsyncClient
) -> None:
    async with house.run("services.projector"), house.run("services.analyzer"):
        asked: Json = {"files": {"file": photograph()}, "data": {"algorithms": ["poi_detection"]}}
        image = await analysed(client, (await client.post("/v1/images", **asked)).json()["id"])
        assert image["analysis"]["status"] == "completed"
        assert len(image["analysis"]["results"]) == 7
        assert image["analysis"]["results"]["poi_detection"]["result"]["points"]
    refused = await client.post("/v1/images", files={"file": photograph()}, data={"algorithms": ["compress"]})
    assert (refused.status_code, refused.json()["type"]) == (422, "/problems/invalid-request")


async def test_a_request_repeated_after_its_analysis_is_still_the_same_request(
    house: House, client: httpx.AsyncClient
) -> None:
    asked: Json = {"files": {"file": ("a.jpg", photograph())}, "headers": {"Idempotency-Key": "once"}}
    async with house.run("services.projector"), house.run("services.analyzer"):
        first = await client.post("/v1/images", **asked)
        await analysed(client, first.json()["id"])
        again = await client.post("/v1/images", **asked)
    assert (first.status_code, again.status_code) == (201, 201)
    assert (again.json()["id"], again.json()["version"]) == (first.json()["id"], 1)


async def test_kills_in_the_middle_change_nothing_in_the_end(house: House, client: httpx.AsyncClient) -> None:
    running = [await house.start("services.projector"), await house.start("services.analyzer")]
    makes = ["Canon", "Fujifilm", "Sony"]
    try:
        made = {}
        for seed in range(24):
            data = photograph(900, 600, seed=seed, make=makes[seed % 3], model=f"M{seed % 3}")
            answer = await client.post("/v1/images", files={"file": data}, data={"tags": "holiday"})
            assert answer.status_code == 201
            made[answer.json()["id"]] = data
            if seed in (8, 16):
                for process in running:
                    process.kill()
                    await process.wait()
                running = [await house.start("services.projector"), await house.start("services.analyzer")]
        images = [await analysed(client, image_id) for image_id in made]
        assert {image["analysis"]["status"] for image in images} == {"completed"}
        assert {image["version"] for image in images} == {1}
        found = (await client.get("/v1/images", params={"camera": "FUJIFILM", "tag": "holiday"})).json()["items"]
        assert len(found) == 8
        for image in images:
            assert (await client.get(image["content_url"])).content == made[image["id"]]
    finally:
        await asyncio.gather(*map(stop, running))
