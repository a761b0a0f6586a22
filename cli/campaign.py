"""Runs a campaign: a window of images in flight, asked for and asked about in one request, until all have ended.

The ids of what is asked follow from campaign and image. So a campaign has no memory of its own: whoever asks again for
all of it is told at once what has ended before.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cli.client import Client
from contracts.events import Json

WINDOW = 200
SOONEST, LATEST = 0.1, 2.0  # seconds between two looks
OVER = frozenset({"completed", "failed", "gone"})

Ended = dict[str, Json]
"""An image's item in the answer: `image_id`, `status` and `failures`."""


@dataclass(frozen=True, slots=True)
class Campaign:
    name: str
    algorithm: str
    version: str


async def run(client: Client, campaign: Campaign, images: Sequence[str], say: Callable[[Ended], None]) -> None:
    """Says each image once it has ended. Raises Refused or Down."""
    waiting, flying, pause = deque(images), list[str](), SOONEST
    while waiting or flying:
        while waiting and len(flying) < WINDOW:
            flying.append(waiting.popleft())
        ended = {one["image_id"]: one for one in await _stand(client, campaign, flying) if one["status"] in OVER}
        for one in ended.values():
            say(one)
        flying = [image for image in flying if image not in ended]
        pause = SOONEST if ended else min(2 * pause, LATEST)
        if flying:
            await asyncio.sleep(pause)


async def _stand(client: Client, campaign: Campaign, images: list[str]) -> list[Ended]:
    body = {"campaign": campaign.name, "algorithms": [campaign.algorithm], "images": images}
    items: list[Ended] = (await client.post("/v1/images:reanalyze", body))["items"]
    return items
