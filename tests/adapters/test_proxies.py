"""Who is believed that a request comes from somebody else: trusted proxies, and nobody besides."""

from ipaddress import ip_network

import httpx
import pytest
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from adapters.http import Json
from tests.ingest.serving import listening

ROUTES = APIRouter()


@ROUTES.get("/who")
async def who(request: Request) -> Response:
    assert request.client
    return Json([request.client.host, request.url.scheme])


async def told(trusted: tuple[str, ...], forwarded: str) -> list[str]:
    networks = [ip_network(one) for one in trusted]
    async with (
        listening(None, (ROUTES,), trusted=networks) as (host, port),
        httpx.AsyncClient(base_url=f"http://{host}:{port}") as client,
    ):
        answer = await client.get("/who", headers={"X-Forwarded-For": forwarded, "X-Forwarded-Proto": "https"})
        found: list[str] = answer.json()
        return found


@pytest.mark.parametrize("trusted", [(), ("10.0.0.0/8",), ("127.0.0.2/32",)])
async def test_a_stranger_is_not_believed_even_on_this_machine(trusted: tuple[str, ...]) -> None:
    assert await told(trusted, "203.0.113.7") == ["127.0.0.1", "http"]


async def test_a_trusted_proxy_is_believed() -> None:
    assert await told(("127.0.0.0/8",), "203.0.113.7") == ["203.0.113.7", "https"]


async def test_of_a_chain_the_last_that_is_not_trusted_counts() -> None:
    assert await told(("127.0.0.1/32", "10.0.0.0/8"), "198.51.100.1, 203.0.113.7, 10.1.2.3") == ["203.0.113.7", "https"]
