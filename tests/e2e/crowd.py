"""People who ask over HTTP, and one who owns one of everything that has an id."""

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import httpx

from tests.described import GHOST
from tests.e2e.people import PASSWORD
from tests.pictures import photograph
from tests.query.world import World
from tests.running import House


@dataclass
class People:
    """Clients of one API, each from an address of its own, so that nobody is throttled for another."""

    base_url: str
    house: House
    _open: ExitStack = field(default_factory=ExitStack)
    _addresses: int = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._open.close()

    def nobody(self) -> httpx.Client:
        self._addresses += 1
        own = httpx.HTTPTransport(local_address=f"127.0.7.{self._addresses % 250 + 1}")
        asks = {"Accept": "application/json"}
        return self._open.enter_context(httpx.Client(base_url=self.base_url, timeout=30, transport=own, headers=asks))

    def somebody(self, name: str) -> httpx.Client:
        """Who has just signed up and in under this name."""
        http = self.nobody()
        body = {"username": name, "email": f"{name}@example.org", "password": PASSWORD}
        assert http.post("/v1/accounts", json=body).status_code == 201
        answer = http.post("/v1/auth/token", data={"username": name, "password": PASSWORD})
        http.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        return http

    def admin(self) -> httpx.Client:
        http = self.nobody()
        http.headers.update(self.house.bearer())
        return http


def people(served: World) -> People:
    return People(str(served.client.base_url), served.house)


def belongings(http: httpx.Client, username: str, picture: bytes | None = None) -> dict[str, str]:
    """One of each, all private but the post and its image, by the names of the API's path params."""
    image = made(http.post("/v1/images", files={"file": ("a.jpg", picture or photograph(200, 150, seed=31_337))}))
    shown = made(http.post("/v1/images", files={"file": ("b.jpg", photograph(200, 150, seed=31_338))}))
    upload = http.post("/v1/uploads", json={"filename": "a.jpg", "size": 5, "sha256": "0" * 64})
    newest = {"Framelog-After": image["position"]}
    history = http.get(f"/v1/images/{image['id']}/history", headers=newest).json()
    return {
        "image_id": image["id"],
        "post_id": made(http.post("/v1/posts", json={"image_id": shown["id"]}))["id"],
        "job_id": made(http.post("/v1/jobs", json={"image_id": image["id"], "algorithm": "hash"}))["id"],
        "upload_id": made(upload)["id"],
        "event_id": history["items"][0]["event_id"],
        "key_id": made(http.post("/v1/me/api-keys", json={"name": "k", "scopes": ["images:read"]}))["id"],
        "username": username,
        "name": "small",
    }


def made(answer: httpx.Response) -> dict[str, Any]:
    assert answer.status_code in (201, 202), answer.text
    found: dict[str, Any] = answer.json()
    return found


def ghosts(known: Mapping[str, str]) -> dict[str, str]:
    """Nothing has any of these ids."""
    return {name: GHOST if name.endswith("_id") else value for name, value in known.items()}
