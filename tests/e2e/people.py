"""Whoever a test needs, and what they say and are told."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from itertools import count
from typing import Any

import httpx

from tests.pictures import photograph
from tests.query.world import World

PASSWORD = "correct horse battery"
COUNT = count()
Json = dict[str, Any]


@dataclass
class Person:
    """Somebody with an account, signed in."""

    http: httpx.AsyncClient
    name: str
    tokens: Json

    @property
    def signed(self) -> dict[str, str]:
        return bearer(self.tokens["access_token"])

    async def ask(self, method: str, path: str, **parts: Any) -> httpx.Response:
        return await self.http.request(method, path, headers=self.signed, **parts)


async def person(http: httpx.AsyncClient) -> Person:
    name = f"person-{next(COUNT)}"
    answer = await sign_up(http, name)
    assert answer.status_code == 201, answer.text
    answer = await log_in(http, name)
    assert answer.status_code == 200, answer.text
    return Person(http, name, answer.json())


async def sign_up(http: httpx.AsyncClient, username: Any, **changes: Any) -> httpx.Response:
    body = {"username": username, "email": "a@example.org", "password": PASSWORD, **changes}
    return await http.post("/v1/accounts", json=body)


async def log_in(http: httpx.AsyncClient, username: str, password: str = PASSWORD) -> httpx.Response:
    form = {"grant_type": "password", "username": username, "password": password}
    return await http.post("/v1/auth/token", data=form)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def new_picture(**camera: Any) -> bytes:
    """One that nobody has uploaded before."""
    return photograph(seed=next(COUNT), **camera)


def problem(answer: httpx.Response, status: int, slug: str) -> Json:
    assert (answer.status_code, answer.json()["type"]) == (status, f"/problems/{slug}"), answer.text
    found: Json = answer.json()
    return found


async def listed(http: httpx.AsyncClient, path: str, headers: dict[str, str] | None = None, **query: Any) -> list[Json]:
    """The items of every page, each found by the link in the one before."""
    return [one async for page in _pages(http, path, headers, query) for one in page["items"]]


async def _pages(
    http: httpx.AsyncClient, path: str, headers: dict[str, str] | None, query: Json
) -> AsyncIterator[Json]:
    answer = await http.get(path, params=query, headers=headers)
    while True:
        assert answer.status_code == 200, answer.text
        page = answer.json()
        yield page
        assert (page["next"] is None) == ("next" not in answer.links)
        if page["next"] is None:
            return
        answer = await http.get(answer.links["next"]["url"], headers=headers)


async def ended(served: World, who: Person, job_id: str) -> Json:
    """The job, once nothing more becomes of it."""

    async def there() -> Json | None:
        found: Json = (await who.ask("GET", f"/v1/jobs/{job_id}")).json()
        return found if found["status"] in ("succeeded", "failed") else None

    found = await served.until(there, within=40)
    assert found is not None
    return found
