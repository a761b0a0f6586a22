"""Clients that go on whatever happens: they upload, change, share and ask, each about images of its own.

Admins as they are, they also run campaigns over what they have, and promote versions.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.faults.calls import Ask, Call, Ledger
from tests.pictures import photograph

CLIENTS = 4
MOST_CALLS = 600
SECONDS_BETWEEN = 0.2
SECONDS_AFTER_A_NO = 1.0
CALL_SECONDS = 20.0
KINDS = ("edit", "edit", "edit", "delete", "post", "job", "job", "like", "campaign", "promote")
PROMOTED = ("colors", "hash", "quality")
"""Algorithms of which version 1 is installed."""
SMALL = (200, 150)


@dataclass
class Client:
    """One person. `images` are its own that it knows the version of: what became unknown it leaves alone."""

    name: str
    chance: random.Random
    ledger: Ledger
    http: httpx.AsyncClient
    pictures: Iterator[bytes]
    callback: str | None = None
    site: str | None = None
    only_uploads: bool = False
    images: dict[str, str] = field(default_factory=dict)
    posts: dict[str, str] = field(default_factory=dict)
    """The last post of each image."""
    made: int = 0

    async def step(self) -> None:
        if self.only_uploads or not self.images or self.chance.random() < 0.55:
            await self._upload()
            return
        image = self.chance.choice(sorted(self.images))
        kind = self.chance.choice([*KINDS, *(["fetch"] if self.site else [])])
        await getattr(self, f"_{kind}")(image)

    async def _upload(self) -> None:
        call = await self._make("upload", "POST", "/v1/images", picture=next(self.pictures))
        if call.outcome == "ok":
            self.images[call.said["id"]] = '"1"'

    async def _edit(self, image: str) -> None:
        title = f"{self.name} {self.chance.random():.4f}"
        self._learn(image, await self._change("edit", "PATCH", image, json={"title": title}))

    async def _delete(self, image: str) -> None:
        call = await self._change("delete", "DELETE", image)
        if call.status == 204:
            call = await self._make("restore", "POST", f"/v1/images/{image}/restore", image)
        self._learn(image, call)

    async def _post(self, image: str) -> None:
        call = await self._make("post", "POST", "/v1/posts", image, json={"image_id": image, "caption": self.name})
        if call.status == 201:
            self.posts[image] = call.said["id"]

    async def _like(self, image: str) -> None:
        if image in self.posts:
            method = self.chance.choice(["PUT", "DELETE"])
            await self._make("like", method, f"/v1/posts/{self.posts[image]}/like", image)

    async def _job(self, image: str) -> None:
        told = {"callback_url": f"{self.callback}/{self.name}-{self.made}"} if self.callback else {}
        asked = {"image_id": image, "algorithm": "poi_detection", **told}
        await self._make("job", "POST", "/v1/jobs", image, json=asked)

    async def _fetch(self, image: str) -> None:
        """A picture of its own, from elsewhere."""
        told = {"image_url": f"{self.site}/{self.name}-{self.made}.jpg"}
        await self._make("fetch", "POST", "/v1/images:from-url", json=told)

    async def _campaign(self, image: str) -> None:
        """Each a campaign of its own: the same one again would make no event."""
        asked = {"campaign": f"{self.name}-{self.made}", "algorithms": [self.chance.choice(["hash", "poi_detection"])]}
        await self._make("campaign", "POST", f"/v1/images/{image}/reanalyze", image, json=asked)

    async def _promote(self, image: str) -> None:
        """Of the version that speaks already: whoever reads sees no difference."""
        path = f"/v1/algorithms/{self.chance.choice(PROMOTED)}/promote"
        await self._make("promote", "POST", path, json={"version": 1})

    async def _change(self, kind: str, method: str, image: str, **asked: Any) -> Call:
        return await self._make(kind, method, f"/v1/images/{image}", image, if_match=self.images[image], **asked)

    def _learn(self, image: str, call: Call) -> None:
        if call.status == 200:
            self.images[image] = f'"{call.said["version"]}"'
        elif call.outcome == "ok" or call.ask.kind == "restore":  # not judged yet; or still deleted
            self.images.pop(image, None)

    async def _make(self, kind: str, method: str, path: str, image: str = "", **asked: Any) -> Call:
        """Whatever remains unknown of an image, nothing more is asked of it: its next version is unknown too."""
        self.made += 1
        ask = Ask(kind=kind, method=method, path=path, key=f"{self.name}-{self.made}", **asked)
        call = await self.ledger.make(self.http, ask)
        if call.outcome == "unknown":
            self.images.pop(image, None)
        return call


def pictures(seed: int, width: int = SMALL[0], height: int = SMALL[1]) -> Iterator[bytes]:
    """Each of other bytes than all others."""
    for number in range(2 * MOST_CALLS):
        yield photograph(width, height, seed=seed * 1_000 + number)


@asynccontextmanager
async def load(
    url: str,
    bearer: dict[str, str],
    ledger: Ledger,
    chance: random.Random,
    *,
    clients: int = CLIENTS,
    callback: str | None = None,
    site: str | None = None,
    only_uploads: bool = False,
    size: tuple[int, int] = SMALL,
) -> AsyncIterator[list[Client]]:
    """Clients at work while this is entered. At its end each finishes what it is about, and no more. `callback` is
    where jobs call back, `site` where pictures are fetched from, `size` that of uploaded ones."""
    over = asyncio.Event()
    shared = pictures(chance.randrange(10_000), *size)
    limits = httpx.Limits(max_connections=clients)
    async with httpx.AsyncClient(base_url=url, timeout=CALL_SECONDS, headers=bearer, limits=limits) as http:
        begun = len(ledger.calls)
        people = [
            Client(
                f"c{begun}-{number}", random.Random(chance.random()), ledger, http, shared, callback, site, only_uploads
            )
            for number in range(clients)
        ]
        working = [asyncio.create_task(_work(one, over)) for one in people]
        try:
            yield people
        finally:
            over.set()
            await asyncio.gather(*working)


async def _work(client: Client, over: asyncio.Event) -> None:
    while not over.is_set() and len(client.ledger.calls) < MOST_CALLS:
        await client.step()
        pause = SECONDS_BETWEEN if client.ledger.calls[-1].outcome == "ok" else SECONDS_AFTER_A_NO
        with suppress(TimeoutError):
            await asyncio.wait_for(over.wait(), client.chance.uniform(0, 2 * pause))
