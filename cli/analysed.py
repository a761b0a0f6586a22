"""Waits until images are analysed, asking for the longest waiting first, as analyzers take them."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace

from cli.client import Client, Refused
from cli.sending import Outcome

ASKED_AT_ONCE = 8
SOONEST, LATEST = 0.2, 2.0  # seconds between two looks where nothing is new


async def analysed(client: Client, sent: Sequence[Outcome], report: Callable[[Outcome], None]) -> None:
    """Reports each image as `analysed`, or as `failed` with the algorithms that found nothing. Raises Down."""
    waiting = [_judged(one) for one in {one.image["id"]: one for one in sent if one.image}.values()]
    pause = SOONEST
    while True:
        over = [one for one in waiting if _is_over(one)]
        for one in over:
            report(one)
        waiting = [one for one in waiting if not _is_over(one)]
        if not waiting:
            return
        pause = SOONEST if over else min(2 * pause, LATEST)
        await asyncio.sleep(0 if over else pause)
        looked = await asyncio.gather(*(_look(client, one) for one in waiting[:ASKED_AT_ONCE]))
        waiting[:ASKED_AT_ONCE] = looked


async def _look(client: Client, one: Outcome) -> Outcome:
    assert one.image
    try:
        return _judged(replace(one, image=await client.get(f"/v1/images/{one.image['id']}")))
    except Refused as refused:
        return replace(one, state="failed", why=str(refused))


def _judged(one: Outcome) -> Outcome:
    assert one.image
    analysis = one.image["analysis"]
    match analysis["status"]:
        case "completed":
            return replace(one, state="analysed")
        case "partial" | "failed":
            why = "; ".join(f"{failure['algorithm']}: {failure['detail']}" for failure in analysis["failures"])
            return replace(one, state="failed", why=why)
    return one


def _is_over(one: Outcome) -> bool:
    return one.state in {"analysed", "failed"}
