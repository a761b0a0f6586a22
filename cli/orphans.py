"""`framelog orphans`: objects that nothing in the log names: listed, put aside, deleted, brought back."""

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from adapters.objects import Objects
from adapters.telemetry import Lines
from cli.ages import WEEK, OlderThan, age
from cli.bucket import Walking, bucket, looking
from cli.building import failing
from cli.errors import FOUND_A_DIFFERENCE, WRONG_USE, Failed
from cli.options import AsJson
from cli.output import bytes_in_words, console, json_line, printable
from deploy.local.whereabouts import located
from services.projector.orphans import Sweep, remember
from services.projector.quarantine import Done, Orphan, quarantined
from services.projector.quarantine import logger as moves
from services.projector.quarantine import restore as bring_back
from services.settings import Projector

LEAST = timedelta(hours=1)
"""An upload that began before something was put aside has ended by then, and its event is in the log."""
LEFT = ("orphan", "unreadable")
"""Fates of orphans that lie where they lay."""
LOG = "orphans.log"


def orphans(
    older_than: OlderThan = WEEK,
    quarantine: Annotated[
        bool, typer.Option("--quarantine", help="Put them aside, where reads still find them.")
    ] = False,
    delete: Annotated[bool, typer.Option("--delete", help="Delete what has lain aside for as long.")] = False,
    restore: Annotated[
        str | None,
        typer.Option("--restore", metavar="KEY|all", help="Bring back what lies aside.", show_default=False),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List the objects that nothing in the log names, and what lies in quarantine. Nothing is changed.

    How many are left is noted for the metric framelog_orphans.

    --quarantine moves them, each judged again right before; --delete is for what has lain in quarantine as long, and
    has been named by nobody. What is named by then is brought back. Each object is printed, and noted in orphans.log.

    Examples:
      framelog orphans
      framelog orphans --quarantine
      framelog orphans --delete --older-than 30d
      framelog orphans --restore all
    """
    if sum((quarantine, delete, restore is not None)) > 1:
        raise Failed("choose one of --quarantine, --delete, --restore", WRONG_USE)
    if delete and age(older_than) < LEAST:
        raise Failed(
            "--delete wants --older-than 1h at least: an upload under way may still name what lies aside", WRONG_USE
        )
    settings, before = located(Projector.read()), now() - age(older_than)
    done = _brought_back(settings, restore) if restore else _swept(settings, before, quarantine, delete)
    with failing(), _noting(settings.home):
        asyncio.run(_told(done, as_json, restore))


def now() -> datetime:
    return datetime.now(UTC)


async def _swept(settings: Projector, before: datetime, quarantine: bool, delete: bool) -> AsyncIterator[Done]:
    async with looking(settings) as (look, objects):
        sweep = Sweep(look, objects, before)
        if delete:
            async for done in sweep.delete():
                yield done
            return
        left = 0
        async for done in sweep.quarantine() if quarantine else _listed(sweep, objects):
            left += done.fate in LEFT
            yield done
    await remember(settings.postgres, left)


async def _listed(sweep: Sweep, objects: Objects) -> AsyncIterator[Done]:
    async for one in sweep.orphans():
        yield Done(one, "orphan")
    async for one in quarantined(objects):
        yield Done(one, "quarantined")


async def _brought_back(settings: Projector, key: str) -> AsyncIterator[Done]:
    async with bucket(settings) as objects:
        async for one in quarantined(objects, "" if key == "all" else key):
            yield await bring_back(objects, one)


async def _told(found: AsyncIterator[Done], as_json: bool, asked: str | None) -> None:
    counts: Counter[str] = Counter()
    size = 0
    with Walking(as_json) as bar:
        async for done in found:
            counts[done.fate] += 1
            size += done.orphan.size
            bar.past(done.orphan.key)
            _say(done, bar, as_json)
    if asked and asked != "all" and not counts:
        raise Failed(f"nothing lies in quarantine under {printable(asked)}; `framelog orphans` lists what does")
    if not as_json:
        said = ", ".join(f"{count:,} {fate}" for fate, count in counts.items()) or "nothing"
        console(stderr=True).print(f"{said} ({bytes_in_words(size)})")
    if counts["unreadable"]:
        raise typer.Exit(FOUND_A_DIFFERENCE)


def _say(done: Done, bar: Walking, as_json: bool) -> None:
    one = done.orphan
    if as_json:
        json_line({"state": done.fate, "key": one.key, "size": one.size, "modified": one.modified.isoformat()})
    else:
        bar.say(_line(done.fate, one))


def _line(fate: str, one: Orphan) -> str:
    return f"{fate:11}  {one.modified:%Y-%m-%d %H:%M}  {bytes_in_words(one.size):>8}  {printable(one.key)}"


@contextmanager
def _noting(home: Path) -> Iterator[None]:
    """What is done to objects meanwhile is kept, beside the logs of the services."""
    (home / "logs").mkdir(parents=True, exist_ok=True)
    handler = logging.FileHandler(home / "logs" / LOG)
    handler.setFormatter(Lines())
    moves.addHandler(handler)
    moves.setLevel(logging.INFO)
    try:
        yield
    finally:
        moves.removeHandler(handler)
        handler.close()
