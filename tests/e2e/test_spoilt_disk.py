"""The disk of a real store rots: what is read is told to be wrong, in every form, and is counted."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
import pytest_asyncio

from tests.integration.rebuilding import framelog, said
from tests.pictures import photograph
from tests.query.world import World, world
from tests.running import Stack
from tests.spoilt import Disk, disk

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def at(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[World, Disk]]:
    async with disk(tmp_path_factory.mktemp("disk")) as made:
        own = replace(stack, s3=made.endpoint, s3_access_key=made.access_key, s3_secret_key=made.secret_key)
        async with world(own) as one, one.house.run("services.analyzer"):
            yield one, made


async def corrupt(at: World) -> float:
    (line,) = [
        line
        for line in (await at.client.get("/metrics")).text.splitlines()
        if line.startswith("framelog_corrupt_objects_total")
    ]
    return float(line.split()[1])


async def test_a_spoilt_original_or_rendition_is_502_whole_in_part_and_as_json(at: tuple[World, Disk]) -> None:
    here, made = at
    image = await uploaded(here, 640)
    original = f"originals/{image['sha256'][:2]}/{image['sha256']}"
    (rendition,) = [one for one in image["renditions"] if one["name"] == "small"]
    small = f"derived/{image['sha256']}/{rendition['url'].partition('=')[2]}"
    for key in (original, small):
        made.spoil(here.house.bucket, key, 0.9)
    before = await corrupt(here)
    asked: list[tuple[str, dict[str, str]]] = [
        (image["content_url"], {}),
        (image["content_url"], {"Range": "bytes=0-9"}),
        (image["content_url"], {"Range": "bytes=-1"}),
        (rendition["url"], {}),
        (rendition["url"], {"Range": "bytes=0-9"}),
        (rendition["url"], {"Accept": "application/json"}),
    ]
    for path, headers in asked:
        answer = await here.client.get(path, headers=headers)
        assert (answer.status_code, answer.json()["type"]) == (502, "/problems/corrupt-object"), (path, headers)
    assert await corrupt(here) == before + len(asked)
    code, out, err = await said(await framelog(here.house, "verify", "--objects", "--deep"))
    assert code == 1, err
    assert [line.split()[:2] for line in out.splitlines()] == [["unreadable", small], ["unreadable", original]]


async def test_a_spoilt_original_ends_its_analysis_instead_of_holding_up_others(at: tuple[World, Disk]) -> None:
    here, made = at
    image = await uploaded(here, 320)
    made.spoil(here.house.bucket, f"originals/{image['sha256'][:2]}/{image['sha256']}", 0.9)
    asked = {"image_id": image["id"], "algorithm": "poi_detection"}
    job = (await here.client.post("/v1/jobs", json=asked)).json()

    async def ended() -> dict[str, Any] | None:
        found: dict[str, Any] = (await here.client.get(f"/v1/jobs/{job['id']}")).json()
        return found if found["status"] == "failed" else None

    assert (await here.until(ended, within=30))["error"]["type"] == "/problems/corrupt-object"


async def test_a_rendition_that_is_lost_is_made_again_as_it_was(at: tuple[World, Disk]) -> None:
    here, _ = at
    image = await uploaded(here, 400)
    (rendition,) = [one for one in image["renditions"] if one["name"] == "small"]
    before = (await here.client.get(rendition["url"])).content
    async for one in here.objects.list(f"derived/{image['sha256']}/"):
        await here.objects.delete(one.key)
    assert (await here.client.get(rendition["url"])).status_code == 502
    asked = {"algorithms": ["thumbnail"], "campaign": "again"}
    assert (await here.client.post(f"/v1/images/{image['id']}/reanalyze", json=asked)).status_code == 202

    async def back() -> bool:
        return (await here.client.get(rendition["url"])).content == before

    assert await here.until(back, within=30)


async def uploaded(here: World, width: int) -> dict[str, Any]:
    """An image whose analysis has ended."""
    sent = await here.client.post("/v1/images", files={"file": ("a.jpg", photograph(width, 240))})
    assert sent.status_code == 201, sent.text

    async def analysed() -> dict[str, Any] | None:
        found: dict[str, Any] = (await here.client.get(sent.headers["location"])).json()
        return found if found["analysis"]["status"] == "completed" else None

    return await here.until(analysed, within=60)
