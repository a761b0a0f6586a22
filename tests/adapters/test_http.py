"""What every HTTP process of ours does the same way, on a real server with routes made to go wrong."""

import asyncio
import re
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Annotated
from uuid import UUID

import httpx
import orjson
import pytest
from fastapi import APIRouter, Header
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from adapters import http_server
from adapters.edge import uuid7
from adapters.http import Json
from adapters.problem_json import documented
from contracts.events import TryLater
from contracts.problems import BY_SLUG, FieldError, Problem, invalid
from services.query.streamed import Streamed
from tests.ingest.serving import listening

ROUTES, OTHERS = APIRouter(), APIRouter()


class Body(BaseModel):
    name: str
    sizes: list[int] = []


@ROUTES.get("/things/{thing}", responses=documented("not-found", "too-large"))
async def thing(thing: UUID, limit: int = 1, x_level: Annotated[int, Header()] = 0) -> Response:
    return Json({"thing": thing, "limit": limit, "level": x_level})


@OTHERS.patch("/things/{thing}", max_body_size=1000)
async def change(thing: UUID, body: Body) -> Response:
    return Json(body.model_dump())


@OTHERS.get("/raise/{what}")
async def fail(what: str) -> Response:
    errors: dict[str, Exception] = {
        "bug": ZeroDivisionError("secret"),
        "later": TryLater("Kafka sleeps", 1.2),
        "problem": Problem("rate-limited", "Slowly.", headers={"Retry-After": "7"}, left=0),
        "invalid": invalid(FieldError(pointer="/a", detail="no"), FieldError(pointer="", detail="nothing")),
    }
    raise errors[what]


@OTHERS.get("/breaks-off")
async def breaks_off() -> Response:
    async def some() -> AsyncIterator[bytes]:
        yield b"begun"
        raise ZeroDivisionError

    return StreamingResponse(some(), headers={"Content-Length": "100"})


let_go: list[str] = []


@OTHERS.get("/endless")
async def endless() -> Response:
    async def some() -> AsyncGenerator[bytes, None]:
        try:
            while True:
                yield b"more"
                await asyncio.sleep(0.01)
        finally:
            let_go.append("endless")

    return await Streamed.begin(some(), 10**6, 200, {})


@OTHERS.post("/swallow")
async def swallow(request: Request, wait: float = 0) -> Response:
    await asyncio.sleep(wait)
    return Json({"bytes": len(await request.body())})


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with (
        listening(None, (ROUTES, OTHERS), idle=0.5) as (host, port),
        httpx.AsyncClient(base_url=f"http://{host}:{port}") as client,
    ):
        yield client


THING = f"/things/{UUID(int=1)}"
ROUTE_OF = {
    THING: "/things/{thing}",
    THING + "?limit=x": "/things/{thing}",
    "/raise/bug": "/raise/{what}",
    "/nothing": "unknown",
}
JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    ("method", "path", "more", "status", "slug"),
    [
        ("GET", "/nothing", {}, 404, "not-found"),
        ("GET", "/things/", {}, 404, "not-found"),
        ("GET", "/livez/", {}, 404, "not-found"),
        ("GET", "/things/9999", {}, 404, "not-found"),
        ("GET", "/problems/nonsense", {}, 404, "not-found"),
        ("GET", "/static-offline-docs/nothing.js", {}, 404, "not-found"),
        ("DELETE", THING, {}, 405, "method-not-allowed"),
        ("POST", "/livez", {}, 405, "method-not-allowed"),
        ("GET", THING + "?limit=x", {}, 422, "invalid-request"),
        ("GET", THING, {"headers": {"X-Level": "high"}}, 422, "invalid-request"),
        ("PATCH", THING, {"json": {"sizes": [1, "x"]}}, 422, "invalid-request"),
        ("PATCH", THING, {"content": b"{", "headers": JSON}, 400, "malformed-request"),
        ("PATCH", THING, {"content": b"[" * 500, "headers": JSON}, 400, "malformed-request"),
        ("PATCH", THING, {"content": b"x" * 2000, "headers": JSON}, 413, "too-large"),
        ("PATCH", THING, {"content": b"x", "headers": {"Content-Type": "text/plain"}}, 422, "invalid-request"),
        ("GET", "/raise/bug", {}, 500, "internal-error"),
        ("GET", "/raise/later", {}, 503, "unavailable"),
        ("GET", "/raise/problem", {}, 429, "rate-limited"),
        ("GET", "/raise/invalid", {}, 422, "invalid-request"),
    ],
)
async def test_every_error_has_one_shape(
    client: httpx.AsyncClient, method: str, path: str, more: dict[str, object], status: int, slug: str
) -> None:
    answer = await client.request(method, path, **more)  # type: ignore[arg-type]
    body = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert (answer.status_code, body["status"], body["type"]) == (status, status, f"/problems/{slug}")
    assert body["title"] == BY_SLUG[slug].title
    assert body["instance"] == path.partition("?")[0]
    assert body["request_id"] == answer.headers["x-request-id"]
    assert ("errors" in body) == (status == 422)
    assert "secret" not in answer.text
    assert (await client.get(body["type"])).status_code == 200


async def test_errors_of_validation_point_at_the_place(client: httpx.AsyncClient) -> None:
    body = (await client.patch(THING, json={"sizes": [1, "x"]})).json()
    assert [one["pointer"] for one in body["errors"]] == ["/name", "/sizes/1"]
    query = (await client.get(THING + "?limit=x", headers={"X-Level": "high"})).json()
    assert [one["pointer"] for one in query["errors"]] == ["/query/limit", "/header/x-level"]


@pytest.mark.parametrize("path", [THING, THING + "?limit=x", "/raise/bug", "/nothing", "/livez", "/endless"])
async def test_head_is_answered_as_get_is_without_the_body(client: httpx.AsyncClient, path: str) -> None:
    async with client.stream("GET", path) as got:
        head = await client.head(path)
        assert head.status_code == got.status_code
        assert {*head.headers} == {*got.headers}
        assert head.headers.get("content-length") == got.headers.get("content-length")
        assert head.content == b""
    counted = f'http_requests_total{{method="HEAD",route="{ROUTE_OF.get(path, path)}",status="{head.status_code}"}}'
    assert counted in (await client.get("/metrics")).text


async def test_head_lets_go_of_what_a_body_would_have_been_made_of(client: httpx.AsyncClient) -> None:
    let_go.clear()
    await client.head("/endless")
    await client.head("/endless")  # on the same connection, which is in order
    assert len(let_go) == 2


async def test_what_takes_no_get_takes_no_head(client: httpx.AsyncClient) -> None:
    answer = await client.head("/swallow")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


async def test_a_wrong_method_is_told_every_right_one(client: httpx.AsyncClient) -> None:
    answer = await client.delete(THING)
    assert {one.strip() for one in answer.headers["allow"].split(",")} == {"GET", "HEAD", "PATCH"}


async def test_what_a_problem_says_beside_its_shape_is_passed_on(client: httpx.AsyncClient) -> None:
    slowly = await client.get("/raise/problem")
    assert (slowly.headers["retry-after"], slowly.json()["left"]) == ("7", 0)
    assert (await client.get("/raise/later")).headers["retry-after"] == "2"


async def test_an_answer_that_breaks_off_is_seen_to(client: httpx.AsyncClient) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        await client.get("/breaks-off")


async def test_a_request_id_is_kept_where_it_is_printable_and_short(client: httpx.AsyncClient) -> None:
    kept = await client.get("/livez", headers={"X-Request-Id": "abc-1"})
    assert kept.headers["x-request-id"] == "abc-1"
    for bad in ("a b", "x" * 129, "<script>", ""):
        given = (await client.get("/livez", headers={"X-Request-Id": bad})).headers["x-request-id"]
        assert UUID(given).version == 7


def test_ids_are_in_the_order_they_were_made() -> None:
    made = [uuid7() for _ in range(1000)]
    assert len(set(made)) == 1000
    assert [one.int >> 80 for one in made] == sorted(one.int >> 80 for one in made)
    assert {(one.version, one.variant) for one in made} == {(7, UUID(int=uuid7().int).variant)}


async def test_a_body_that_stops_is_not_waited_for(client: httpx.AsyncClient) -> None:
    reader, writer = await asyncio.open_connection(client.base_url.host, client.base_url.port)
    writer.write(b"POST /swallow HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nsome")
    async with asyncio.timeout(3):
        answer = await reader.read()
    assert answer.startswith(b"HTTP/1.1 408")
    assert b'"/problems/request-timeout"' in answer
    writer.close()


async def test_only_the_client_is_timed(client: httpx.AsyncClient) -> None:
    answer = await client.post("/swallow?wait=0.8", content=b"x" * 300_000)
    assert answer.json() == {"bytes": 300_000}


async def test_metrics_name_routes_and_never_what_a_client_made_up(client: httpx.AsyncClient) -> None:
    for path in (THING, "/made/up", "/things/9999"):
        await client.get(path)
    await client.post("/swallow", content=b"x" * 5_000)
    await client.request("PROPFIND", "/livez")
    lines = (await client.get("/metrics")).text.splitlines()
    found = {line.partition(" ")[0] for line in lines if line.startswith("http_")}
    assert 'http_requests_total{method="GET",route="/things/{thing}",status="200"}' in found
    assert 'http_requests_total{method="GET",route="/things/{thing}",status="404"}' in found
    assert 'http_requests_total{method="GET",route="unknown",status="404"}' in found
    assert 'http_request_duration_seconds_count{method="GET",route="/things/{thing}"}' in found
    assert 'http_request_size_bytes_sum{method="POST",route="/swallow"}' in found
    assert not [one for one in found if "made" in one or "9999" in one or "PROPFIND" in one]


async def test_the_documentation_needs_no_internet(client: httpx.AsyncClient) -> None:
    page = (await client.get("/docs")).text
    links = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert len(links) >= 3
    for link in links:
        assert link.startswith("/")
        assert (await client.get(link)).status_code == 200


async def test_openapi_lists_the_problems(client: httpx.AsyncClient) -> None:
    found = orjson.loads((await client.get("/openapi.json")).content)
    assert found["openapi"].startswith("3.1")
    answers = found["paths"]["/things/{thing}"]["get"]["responses"]
    assert {"200", "400", "404", "413", "422", "500", "503"} <= set(answers)
    assert list(answers["413"]["content"]) == ["application/problem+json"]
    assert "Problem" in found["components"]["schemas"]
    assert "HTTPValidationError" not in found["components"]["schemas"]


async def test_every_problem_type_has_a_page(client: httpx.AsyncClient) -> None:
    for slug in BY_SLUG:
        page = await client.get(f"/problems/{slug}")
        assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
        assert slug in page.text


async def test_headers_that_trickle_are_not_waited_for(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_server, "HEAD_SECONDS", 0.3)
    for begun, said in ((b"", b""), (b"GET /livez HTTP/1.1\r\nHost:", b"HTTP/1.1 408")):
        reader, writer = await asyncio.open_connection(client.base_url.host, client.base_url.port)
        writer.write(begun)
        async with asyncio.timeout(10):
            assert (await reader.read()).startswith(said)
        writer.close()


async def test_a_connection_that_is_kept_alive_outlives_the_patience_for_headers(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_server, "HEAD_SECONDS", 0.2)
    reader, writer = await asyncio.open_connection(client.base_url.host, client.base_url.port)
    for _ in range(3):
        writer.write(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"200" in await reader.readline()
        await reader.readuntil(b"}")
        await asyncio.sleep(0.4)
    writer.close()
