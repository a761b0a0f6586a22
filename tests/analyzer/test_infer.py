"""Inference over HTTP as its process runs it, with no Kafka, no Postgres and no object storage to be found."""

import asyncio
import hashlib
import os
import sys
from base64 import b64decode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from PIL import Image

from contracts.problems import Problem
from deploy.local.ports import choose
from services.analyzer.analysis import Analysis, Setup
from services.analyzer.infer.routes import Inference
from tests import networks, pictures
from tests.analyzer.looking import HOUSE, results
from tests.analyzer.test_classification import picture, shelved
from tests.running import answers, stop

NOWHERE = {
    "FRAMELOG_KAFKA": "127.0.0.1:1",
    "FRAMELOG_S3": "http://127.0.0.1:1",
    "FRAMELOG_POSTGRES": "postgresql://nobody@127.0.0.1:1/nothing",
    "FRAMELOG_ANALYZER_CHILDREN": "1",
}


@asynccontextmanager
async def inferring(home: Path, **settings: object) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a process of its own, ready; which ends by SIGTERM with 0 and leaves no child."""
    (port,) = choose([None])
    bare = {name: value for name, value in os.environ.items() if not name.startswith("FRAMELOG_")}
    own = {
        f"FRAMELOG_{name.upper()}": str(value) for name, value in {"home": home, "infer_port": port, **settings}.items()
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "services.analyzer.infer", env=bare | NOWHERE | own, start_new_session=True
    )
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
            async with asyncio.timeout(20):
                await answers(client, "/readyz", 200)
            children = psutil.Process(process.pid).children()
            yield client
    finally:
        code = await stop(process)
    assert code == 0
    assert [one for one in children if one.is_running()] == []


async def asked(client: httpx.AsyncClient, algorithm: str, data: bytes, **params: object) -> httpx.Response:
    return await client.post(f"/v1/infer/{algorithm}", content=data, params={k: str(v) for k, v in params.items()})


def slug(answer: httpx.Response) -> str:
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == answer.status_code
    return str(problem["type"]).removeprefix("/problems/")


async def test_every_algorithm_answers_what_the_analyzer_would_say(tmp_path: Path) -> None:
    data = pictures.photograph(700, 500)
    expected = results(data)
    async with inferring(tmp_path) as client:
        for name in HOUSE:
            answer = await asked(client, name, data)
            assert answer.status_code == 200
            said = answer.json()
            assert (said["algorithm"], said["version"], said["result"]) == (name, "1", expected[name])
            assert ("renditions" in said) == (name == "thumbnail")


async def test_renditions_come_as_base64(tmp_path: Path) -> None:
    async with inferring(tmp_path) as client:
        said = (await asked(client, "thumbnail", pictures.photograph(700, 500))).json()
    described = {one["name"]: one for one in said["result"]["renditions"]}
    assert set(described) == {one["name"] for one in said["renditions"]} == {"thumb", "small", "large"}
    for one in said["renditions"]:
        data = b64decode(one["base64"])
        assert hashlib.sha256(data).hexdigest() == one["sha256"] == described[one["name"]]["sha256"]
        assert Image.open(BytesIO(data)).size == (one["width"], one["height"])
        assert one["media_type"] == "image/jpeg"


async def test_a_model_classifies_for_other_applications(tmp_path: Path) -> None:
    shelved(tmp_path, networks.colours(), version=4)
    async with inferring(tmp_path) as client:
        answer = await asked(client, "classification", picture("#00c000"), top_k=2)
        assert answer.json() == {
            "algorithm": "classification",
            "version": "401",
            "result": {
                "model": "colours",
                "labels": [{"label": "green", "score": 1.0}, {"label": "red", "score": 0.0}],
            },
        }
        for wrong in ({"top_k": 0}, {"top_k": "many"}, {"top": 1}):
            refused = await asked(client, "classification", picture("red"), **wrong)
            assert slug(refused) == "invalid-params"
            assert refused.json()["errors"][0]["pointer"].startswith("/query")
        twice = await client.post("/v1/infer/classification?top_k=1&top_k=2", content=picture("red"))
        assert slug(twice) == "invalid-params"


async def test_every_refusal_is_a_problem(tmp_path: Path) -> None:
    async with inferring(tmp_path, max_upload_bytes=300_000, max_pixels=1_000_000) as client:
        expected = [
            (await asked(client, "horoscope", picture("red")), 404, "not-found"),
            (await asked(client, "classification", picture("red")), 422, "algorithm-disabled"),
            (await asked(client, "hash", b""), 422, "empty-upload"),
            (await asked(client, "hash", b"hello, world, " * 100), 415, "unsupported-media-type"),
            (await asked(client, "hash", pictures.truncated_jpeg(0.01)), 422, "undecodable-image"),
            (await asked(client, "hash", picture("red", (1001, 1000))), 422, "too-many-pixels"),
            (await asked(client, "hash", picture("red") + bytes(300_000)), 413, "too-large"),
            (await asked(client, "hash", picture("red"), size=3), 422, "invalid-params"),
            (await client.get("/v1/infer/hash"), 405, "method-not-allowed"),
            (await client.post("/v1/infer"), 404, "not-found"),
        ]
        assert "`framelog models add PATH`" in expected[1][0].json()["detail"]
        assert (await asked(client, "hash", picture("red"))).status_code == 200
    assert [(answer.status_code, slug(answer)) for answer, _, _ in expected] == [one[1:] for one in expected]


async def test_a_network_that_hangs_is_an_answer_too(tmp_path: Path) -> None:
    shelved(tmp_path, networks.hangs_on_red())
    async with inferring(tmp_path, decode_seconds=1) as client:
        hanging = await asked(client, "classification", picture("red"))
        assert (hanging.status_code, slug(hanging)) == (422, "decode-timeout")
        assert (await asked(client, "classification", picture("#0000ff"))).status_code == 200


async def test_requests_wait_their_turn_and_all_are_answered(tmp_path: Path) -> None:
    async with inferring(tmp_path) as client:
        data = [pictures.photograph(300, 200, seed=seed) for seed in range(12)]
        found = await asyncio.gather(*(asked(client, "hash", one) for one in data))
    assert [one.json()["result"]["phash"] for one in found] == [results(one)["hash"]["phash"] for one in data]


async def test_it_has_the_pages_of_every_http_process(tmp_path: Path) -> None:
    async with inferring(tmp_path) as client:
        await asked(client, "hash", picture("red"))
        pages = {path: await client.get(path) for path in ("/docs", "/openapi.json", "/livez", "/health", "/metrics")}
    assert {page.status_code for page in pages.values()} == {200}
    assert 'http_requests_total{method="POST",route="/v1/infer/{algorithm}",status="200"} 1.0' in pages["/metrics"].text
    route: dict[str, Any] = pages["/openapi.json"].json()["paths"]["/v1/infer/{algorithm}"]["post"]
    assert [one["name"] for one in route["parameters"]] == ["algorithm", "params"]
    assert "application/octet-stream" in route["requestBody"]["content"]
    assert {"404", "413", "415", "422", "503"} <= set(route["responses"])


async def test_who_waits_too_long_is_told_when_to_come_again() -> None:
    inference = Inference(Analysis(Setup()), {}, {}, asyncio.Semaphore(1), most_bytes=1, patience=0.05)
    async with inference.turn():
        with pytest.raises(Problem) as refused:
            async with inference.turn():
                pass
    assert (refused.value.type.status, refused.value.headers) == (503, {"Retry-After": "5"})
    async with inference.turn():  # free again
        pass
