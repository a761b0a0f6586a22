"""Somebody is named who captions pictures; an uploaded one gets its caption, and is found by its words."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from tests.captioner import MODEL, Captioner, captioning, picture, refuses, sleeps
from tests.e2e.test_whole_line import analysed
from tests.running import House, answers


@pytest.fixture
async def captioner() -> AsyncIterator[Captioner]:
    async with captioning() as captioner:
        yield captioner


@asynccontextmanager
async def running(house: House, captioner: Captioner, **more: object) -> AsyncIterator[httpx.AsyncClient]:
    """Everything, each process told who captions."""
    settings = captioner.settings(analyzer_children=1, **more)
    async with (
        house.api(**settings) as client,
        house.run("services.projector"),
        house.run("services.analyzer", **settings),
        house.run("services.analyzer", group="network", **settings),
    ):
        yield client


async def upload(client: httpx.AsyncClient, colour: str, *algorithms: str, shade: int = 0) -> str:
    files, data = {"file": (f"{colour}.png", picture(colour, shade))}, {"algorithms": list(algorithms)}
    answer = await client.post("/v1/images", files=files, data=data)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def found(client: httpx.AsyncClient, text: str) -> list[str]:
    return [one["id"] for one in (await client.get("/v1/images", params={"q": text})).json()["items"]]


async def ended(client: httpx.AsyncClient, job: str, within: float = 30) -> dict[str, Any]:
    async with asyncio.timeout(within):
        while True:
            shown: dict[str, Any] = (await client.get(job)).json()
            if shown.get("status") in ("succeeded", "failed"):
                return shown
            await asyncio.sleep(0.1)


async def test_an_uploaded_picture_gets_its_caption_and_is_found_by_it(house: House, captioner: Captioner) -> None:
    async with running(house, captioner) as client:
        image = await upload(client, "green", "caption")
        plain = await upload(client, "green", shade=1)
        shown = await analysed(client, image)
        assert "caption" not in (await analysed(client, plain))["analysis"]["results"]
        assert shown["analysis"]["status"] == "completed"
        assert len(shown["analysis"]["results"]) == 7
        caption = shown["analysis"]["results"]["caption"]
        assert caption["algorithm_version"] == "101"
        assert caption["result"].pop("duration_ms") >= 0
        assert caption["result"] == {
            "caption": "A wall, all green.",
            "model": f"{MODEL}-2026-02-01",
            "tokens": {"prompt": 1042, "completion": 9},
        }
        assert captioner.asked[0].size == (512, 384)
        assert await found(client, "wall") == await found(client, "WALL green") == [image]
        assert await found(client, "wall red") == []
        listed = {one["name"]: one for one in (await client.get("/v1/algorithms")).json()["items"]}
        assert (listed["caption"]["enabled"], listed["caption"]["version"]) == (True, "101")


async def test_those_that_are_put_off_hold_up_nobody_and_who_is_refused_is_told_why(
    house: House, captioner: Captioner
) -> None:
    captioner.badly["red"] = [refuses(429, "busy", Retry_After="2"), sleeps(2)]
    captioner.badly["blue"] = [refuses(400, "walls only")]
    async with running(house, captioner) as client:
        slow = await upload(client, "red", "caption")
        refused = await upload(client, "blue", "caption")
        others = [await upload(client, "green", "caption", shade=shade) for shade in range(5)]
        for one in others:
            assert (await analysed(client, one))["analysis"]["status"] == "completed"
        assert (await client.get(f"/v1/images/{slow}")).json()["analysis"]["status"] == "running"
        analysis = (await analysed(client, refused))["analysis"]
        (failure,) = analysis["failures"]
        assert (analysis["status"], failure["type"], failure["attempts"]) == (
            "partial",
            "/problems/algorithm-failed",
            1,
        )
        assert failure["detail"].endswith("answered 400: walls only")
        assert (await analysed(client, slow))["analysis"]["results"]["caption"]["result"]["caption"]
        asked = await client.post("/v1/jobs", json={"image_id": refused, "algorithm": "caption"})
        assert asked.status_code == 202, asked.text
        job = await ended(client, asked.headers["Location"])
        assert (job["status"], job["result"]["caption"]) == ("succeeded", "A wall, all blue.")
        assert (await analysed(client, refused))["analysis"]["status"] == "completed"


async def test_until_somebody_is_named_it_is_off_and_says_why(house: House) -> None:
    async with house.api() as client, house.run("services.projector"):
        async with asyncio.timeout(30):
            items = (await answers(client, "/v1/algorithms", 200)).json()["items"]
        (caption,) = [one for one in items if one["name"] == "caption"]
        refused = await client.post(
            "/v1/images", files={"file": ("a.png", picture("red"))}, data={"algorithms": "caption"}
        )
    assert (caption["enabled"], caption["version"]) == (False, None)
    assert caption["reason"].startswith("FRAMELOG_CAPTION_URL is not set: docs/captions.md")
    assert set(caption["result_schema"]["properties"]) == {"caption", "model", "duration_ms", "tokens"}
    assert refused.status_code == 422
