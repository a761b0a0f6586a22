"""The acts of the drill: load, a look at every panel, and the alarm."""

import asyncio
from collections.abc import Iterator, Sequence
from itertools import count
from time import monotonic
from typing import NamedTuple

from deploy.monitoring.dashboard import ROWS
from deploy.monitoring.scene import Broken, Scene
from deploy.monitoring.uploading import upload

STALE = "ReadModelStale"
TOLD_SECONDS = 30.0
SETTLED_SECONDS = 300.0
PANEL_SECONDS = 30.0
CLEAR_SECONDS = 180.0
EVALUATED_SECONDS = 35.0
"""Two evaluations of every rule, and a scrape."""
KILL_SECONDS = 0.1
TRICKLE = 2.0
"""Uploads a second while nobody projects: without any, nothing would be stale."""


class Shown(NamedTuple):
    """What a line of a panel had to show."""

    panel: str
    line: str
    series: int
    most: float


async def load(on: Scene, uploads: int, rate: float) -> float:
    """Until each is visible and analysed, by the metrics themselves. How many events that came to."""
    done, asked = count(1), monotonic()
    at = {"told": asked}

    def told() -> None:
        number = next(done)
        if monotonic() - at["told"] > TOLD_SECONDS:
            at["told"] = monotonic()
            on.say(f"{number:,} of {uploads:,} uploaded")

    await upload(on.api, range(uploads), rate, told)
    on.say(f"{uploads:,} uploaded, {uploads / (monotonic() - asked):.1f} a second")

    async def settled() -> bool:
        seen = [
            await on.prometheus.number(f"sum(framelog_upload_{what}_seconds_count)") for what in ("visible", "analysed")
        ]
        return all(one is not None and one >= uploads for one in seen)

    took = await on.until(settled, "not every upload is visible and analysed", SETTLED_SECONDS)
    on.say(f"every one of them visible and analysed, by Prometheus, {took:.0f} s later")
    return await on.prometheus.number("sum(framelog_projected_events_total)") or 0.0


async def look(on: Scene) -> list[Shown]:
    """At every panel, and for alerts. Raises Broken where a query has nothing to show, or an alert so much as waits."""
    await on.framelog("orphans", "--older-than", "1s")
    shown = [await _shown(on, *one) for one in _lines()]
    on.say(f"each of the {len(shown)} queries of {len({one.panel for one in shown})} panels returns data")
    if wrong := await on.prometheus.failing_rules():
        raise Broken(f"rules that cannot be evaluated: {'; '.join(wrong)}")
    if raised := await on.prometheus.alerts(".+", monotonic() - on.began):
        raise Broken(f"alerts that fired, or were about to: {', '.join(sorted(raised))}")
    on.say("no alert has fired since the start, and none was about to")
    return shown


async def alarm(on: Scene, uploaded: int, seconds: float) -> None:
    """Nobody projects for so long. Raises Broken unless STALE fires meanwhile, nothing else, and it clears."""
    began = monotonic()
    trickle = asyncio.create_task(upload(on.api, count(uploaded), TRICKLE, lambda: None))
    firing = asyncio.create_task(_fires(on, seconds))
    try:
        await _keep_dead(on, seconds)
        await firing
    finally:
        for task in (trickle, firing):
            task.cancel()
    on.say("the projector may live again")
    took = await on.until(lambda: _clear(on), f"{STALE} still fires", CLEAR_SECONDS)
    on.say(f"{STALE} has cleared, {took:.0f} s later")
    await asyncio.sleep(EVALUATED_SECONDS)
    if (fired := await on.prometheus.alerts("firing", monotonic() - began)) != {STALE}:
        raise Broken(f"fired: {', '.join(sorted(fired)) or 'nothing'}")
    if again := await on.prometheus.alerts("firing"):
        raise Broken(f"fires again: {', '.join(sorted(again))}")
    if trickle.done() and not trickle.cancelled():
        trickle.result()
    on.say(f"exactly {STALE} has fired")


async def _keep_dead(on: Scene, seconds: float) -> None:
    """Its supervisor starts it again each time: every life ends before it has read anything."""
    on.say(f"the projector is killed, again and again for {seconds:.0f} s, while uploads go on")
    last: int | None = None
    until = monotonic() + seconds
    lives = set[int]()
    while monotonic() < until:
        last = on.kill("projector", but=last)
        lives |= {last} if last else set()
        await asyncio.sleep(KILL_SECONDS)
    on.say(f"{len(lives)} lives of the projector were ended")


async def _fires(on: Scene, within: float) -> None:
    async def it_does() -> bool:
        return STALE in await on.prometheus.alerts("firing")

    took = await on.until(it_does, f"{STALE} does not fire", within)
    on.say(f"{STALE} fires, {took:.0f} s after the first kill")


async def _clear(on: Scene) -> bool:
    return not await on.prometheus.alerts("firing")


def _lines() -> Iterator[tuple[str, str, str]]:
    for panels in ROWS.values():
        for panel in panels:
            for line, expr in panel.lines.items():
                yield panel.title, line, expr


async def _shown(on: Scene, panel: str, line: str, expr: str) -> Shown:
    """Raises Broken where there is nothing."""

    async def something() -> bool:
        return bool(await on.prometheus.query(expr))

    await on.until(something, f"panel “{panel}” has nothing for “{line}”", PANEL_SECONDS)
    found = await on.prometheus.query(expr)
    return Shown(panel, line, len(found), max(one.value for one in found))


def table(shown: Sequence[Shown]) -> Iterator[str]:
    rows = [("panel", "line", "series", "most"), *((*one[:2], str(one.series), f"{one.most:,.4g}") for one in shown)]
    widths = [max(len(row[at]) for row in rows) for at in range(2)]
    for panel, line, series, most in rows:
        yield f"{panel:<{widths[0]}}  {line:<{widths[1]}}  {series:>6}  {most:>12}"
