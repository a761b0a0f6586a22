"""A model is installed, pictures are classified by an analyzer of its own group, and found by their labels."""

import asyncio
from typing import Any

import httpx
import pytest

from services.analyzer.algorithms.classification import fact_version
from tests import networks
from tests.analyzer.test_classification import picture, shelved
from tests.e2e.test_whole_line import analysed
from tests.running import House, answers


@pytest.fixture
def installed(house: House) -> None:
    shelved(house.home, networks.colours(), version=2, labels=["red", "Green, leaf green", "blue"])


async def upload(client: httpx.AsyncClient, data: bytes, *algorithms: str) -> httpx.Response:
    return await client.post("/v1/images", files={"file": data}, data={"algorithms": list(algorithms)})


async def found(client: httpx.AsyncClient, label: str) -> list[str]:
    answer = await client.get("/v1/images", params={"label": label})
    assert answer.status_code == 200
    return sorted(one["id"] for one in answer.json()["items"])


async def algorithm(client: httpx.AsyncClient) -> dict[str, Any]:
    """As it is listed, once there is a read model to list from."""
    async with asyncio.timeout(30):
        while True:
            answer = await client.get("/v1/algorithms")
            if answer.status_code != 503:
                break
            await asyncio.sleep(0.1)
    items = answer.json()["items"]
    (classification,) = [one for one in items if one["name"] == "classification"]
    return dict(classification)


@pytest.mark.usefixtures("installed")
async def test_pictures_are_classified_and_found_by_their_labels(house: House) -> None:
    analyzers = (
        house.run("services.analyzer", analyzer_children=1),
        house.run("services.analyzer", analyzer_children=1, group="models"),
    )
    async with house.api() as client, house.run("services.projector"), analyzers[0], analyzers[1]:
        made = {}
        for colour in ("#ff0000", "#00ff00", "#0000ff"):
            answer = await upload(client, picture(colour), "classification")
            assert answer.status_code == 201
            made[colour] = answer.json()["id"]
        plain = (await upload(client, picture("#fe0000"))).json()["id"]
        shown = {colour: await analysed(client, one) for colour, one in made.items()}
        assert "classification" not in (await analysed(client, plain))["analysis"]["results"]
        red = shown["#ff0000"]["analysis"]
        assert red["status"] == "completed"
        assert red["results"]["classification"]["algorithm_version"] == str(fact_version(2))
        assert red["results"]["classification"]["result"]["labels"][0] == {"label": "red", "score": 1.0}
        assert await found(client, "red") == [made["#ff0000"]]
        assert await found(client, "RED") == [made["#ff0000"]]
        for name in ("green, leaf green", "green", "Leaf Green"):
            assert await found(client, name) == [made["#00ff00"]]
        assert await found(client, "leaf") == []
        described = await algorithm(client)
    assert (described["enabled"], described["version"]) == (True, "201")
    assert described["params_schema"]["properties"]["top_k"]["maximum"] == 20


async def test_without_a_model_the_api_says_why_it_is_off(house: House) -> None:
    async with house.api() as client, house.run("services.projector"):
        async with asyncio.timeout(30):
            await answers(client, "/v1/algorithms", 200)
        described = await algorithm(client)
    assert (described["enabled"], described["version"]) == (False, None)
    assert described["reason"] == "no model is installed: `framelog models add PATH` checks and installs one"
    assert set(described["result_schema"]["properties"]) == {"model", "labels"}


async def test_where_no_group_runs_it_nobody_can_ask_for_it(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    environment = House.environment
    monkeypatch.setattr(
        House, "environment", lambda *own, **more: environment(*own, **more, algorithm_groups="core=hash")
    )
    async with house.api() as client:
        refused = await upload(client, picture("red"), "classification")
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["pointer"] == "/algorithms"
