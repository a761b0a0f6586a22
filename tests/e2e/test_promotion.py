"""A new model over an old library: old and new results side by side, promotion and back."""

import asyncio
from collections.abc import Sequence
from typing import Any

import httpx

from services.analyzer.algorithms.classification import fact_version
from tests import networks
from tests.analyzer.test_classification import picture, shelved
from tests.e2e.test_classification import algorithm, found, upload
from tests.e2e.test_whole_line import analysed
from tests.running import House

OLD, NEW = str(fact_version(1)), str(fact_version(2))
Json = dict[str, Any]


async def promoted(client: httpx.AsyncClient, version: str, within: float = 30) -> Json:
    """The algorithm, once this version speaks for it."""
    async with asyncio.timeout(within):
        while True:
            if (one := await algorithm(client))["current_version"] == version:
                return one
            await asyncio.sleep(0.1)


async def promote(client: httpx.AsyncClient, **body: object) -> httpx.Response:
    return await client.post("/v1/algorithms/classification/promote", json=body)


async def campaign(client: httpx.AsyncClient, images: Sequence[str], within: float = 60) -> list[Json]:
    """How every image ended."""
    body = {"campaign": f"classification-{NEW}", "algorithms": ["classification"], "images": list(images)}
    async with asyncio.timeout(within):
        while True:
            answer = await client.post("/v1/images:reanalyze", json=body)
            assert answer.status_code == 202, answer.text
            items: list[Json] = answer.json()["items"]
            if all(one["status"] in ("completed", "failed") for one in items):
                return items
            await asyncio.sleep(0.1)


async def versions(client: httpx.AsyncClient, image_id: str) -> list[Json]:
    answer = await client.get(f"/v1/images/{image_id}", params={"versions": "all"})
    every: list[Json] = answer.json()["analysis"]["versions"]["classification"]
    return every


def label(result: Json) -> str:
    said: str = result["result"]["labels"][0]["label"]
    return said


async def test_a_new_version_runs_beside_the_old_one_and_speaks_once_it_is_promoted(house: House) -> None:
    shelved(house.home, networks.colours(), version=1, labels=["red", "green", "blue"])
    analyzer = {"analyzer_children": 1, "group": "models"}
    async with house.run("services.projector"):
        async with house.api(algorithms="classification") as client, house.run("services.analyzer", **analyzer):
            made = [await upload(client, picture(colour), "classification") for colour in ("#ff0000", "#fd0000")]
            old = [answer.json()["id"] for answer in made]
            await asyncio.gather(*(promoted(client, OLD), *(_classified(client, one, OLD) for one in old)))
            refused = await promote(client, version=NEW)
            assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/version")
        shelved(house.home, networks.colours(), version=2, labels=["rot", "grün", "blau"])
        async with house.api(algorithms="classification") as client, house.run("services.analyzer", **analyzer):
            await _goes_over(client, old)


async def _goes_over(client: httpx.AsyncClient, old: list[str]) -> None:
    fresh = (await upload(client, picture("#fc0000"), "classification")).json()["id"]
    assert label(await _classified(client, fresh, NEW)) == "rot", "an image without the current one shows its highest"
    assert [one["status"] for one in await campaign(client, old)] == ["completed"] * 2
    one = await algorithm(client)
    assert (one["version"], one["current_version"], one["versions"]) == (NEW, OLD, [OLD, NEW])
    assert label(await _classified(client, old[0], OLD)) == "red", "what is installed does not speak by itself"
    assert await found(client, "red") == sorted(old)
    assert await found(client, "rot") == [fresh]
    before = await versions(client, old[0])
    assert [(each["algorithm_version"], each["current"], label(each)) for each in before] == [
        (OLD, True, "red"),
        (NEW, False, "rot"),
    ]

    answer = await promote(client, version=NEW, expected=OLD)
    assert answer.status_code == 200, answer.text
    assert (answer.json()["current_version"], answer.json()["promoted_by"]) == (NEW, "admin")
    assert await found(client, "rot") == sorted([*old, fresh])
    assert await found(client, "red") == []
    assert label(await _classified(client, old[0], NEW)) == "rot"
    late = await promote(client, version=NEW, expected=OLD)
    assert (late.status_code, late.json()["type"]) == (409, "/problems/version-promoted")

    assert (await promote(client, version=int(OLD))).status_code == 200
    assert await found(client, "red") == sorted(old)
    assert await found(client, "rot") == [fresh]
    after = await versions(client, old[0])
    assert [each | {"current": None} for each in after] == [each | {"current": None} for each in before]


async def _classified(client: httpx.AsyncClient, image_id: str, version: str) -> Json:
    analysis = (await analysed(client, image_id))["analysis"]
    assert analysis["status"] == "completed"
    found: Json = analysis["results"]["classification"]
    assert found["algorithm_version"] == version
    return found
