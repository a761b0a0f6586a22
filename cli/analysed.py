"""Waits until images are analysed, asking for the longest waiting first, as analyzers take them."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace

from cli.client import Client, Refused
from cli.sending import Outcome
from contracts.events import Json

ASKED_AT_ONCE = 8
SOONEST, LATEST = 0.2, 2.0  # seconds between two looks
FINAL = {"completed", "partial", "failed"}


async def analysed(client: Client, sent: Sequence[Outcome], report: Callable[[Outcome], None]) -> None:
    """Reports each image as `analysed`, or as `failed` with the algorithms that found nothing. Raises Down."""
    waiting = list({one.image["id"]: one for one in sent if one.image}.values())
    pause = SOONEST
    while waiting:
        asked, rest = waiting[:ASKED_AT_ONCE], waiting[ASKED_AT_ONCE:]
        looked = await asyncio.gather(*(_look(client, one) for one in asked))
        over = [one for one in looked if _is_over(one)]
        for one in over:
            report(one)
        waiting = [one for one in looked if not _is_over(one)] + rest
        if waiting:
            pause = SOONEST if over else min(2 * pause, LATEST)
            await asyncio.sleep(0 if over else pause)


async def _look(client: Client, one: Outcome) -> Outcome:
    assert one.image
    try:
        image = await client.get(f"/v1/images/{one.image['id']}")
    except Refused as refused:
        return replace(one, state="failed", why=str(refused))
    if image["analysis"]["status"] == "completed":
        return replace(one, state="analysed", image=image)
    return replace(one, image=image, **_failure(image["analysis"]))


def _failure(analysis: dict[str, Json]) -> dict[str, Json]:
    if analysis["status"] not in FINAL:
        return {}
    return {"state": "failed", "why": "; ".join(f"{one['algorithm']}: {one['detail']}" for one in analysis["failures"])}


def _is_over(one: Outcome) -> bool:
    return one.state in {"analysed", "failed"}
