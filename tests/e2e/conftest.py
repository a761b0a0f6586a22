"""Who asks. A file that wants them has a fixture `served` of its own: the API they talk to."""

from collections.abc import AsyncIterator

import httpx
import pytest_asyncio

from tests.declared import declared
from tests.e2e.people import COUNT, Person, person
from tests.query.world import World


@pytest_asyncio.fixture(loop_scope="module")
async def http(served: World) -> AsyncIterator[httpx.AsyncClient]:
    """Nobody: no request is signed by itself. From an address of its own, so that no test is throttled by another."""
    own = httpx.AsyncHTTPTransport(local_address=f"127.0.1.{next(COUNT) % 250 + 1}")
    hooks = {"response": [declared]}
    async with httpx.AsyncClient(
        base_url=served.client.base_url, timeout=30, transport=own, event_hooks=hooks
    ) as client:
        yield client


@pytest_asyncio.fixture(loop_scope="module")
async def alice(http: httpx.AsyncClient) -> Person:
    return await person(http)


@pytest_asyncio.fixture(loop_scope="module")
async def bob(http: httpx.AsyncClient) -> Person:
    return await person(http)
