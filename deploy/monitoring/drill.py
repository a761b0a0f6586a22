"""`make watched`: the one-machine stack under load, watched by a real Prometheus with our rules.

A stack of its own, in a new directory that goes with it. Every query of the dashboard must return data, and no alert
may fire. Then the projector is killed, again and again for two minutes: the alert of stale read models must fire, no
other, and clear once it may live. Exit code 1 if anything is otherwise.
"""

import argparse
import asyncio
import os
import signal
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import httpx

from deploy.local.checks import given
from deploy.local.home import Home
from deploy.local.refusal import CannotStart
from deploy.monitoring.scene import Broken, Scene, scene
from deploy.monitoring.taken import costs, taken
from deploy.monitoring.watching import alarm, load, look, table

SERVERS = ("FRAMELOG_KAFKA", "FRAMELOG_S3", "FRAMELOG_POSTGRES")


def main() -> int:
    asked = _asked(sys.argv[1:])
    try:
        _forget_settings()
        with tempfile.TemporaryDirectory(prefix="framelog-watched-") as folder:
            return asyncio.run(_until_told(Home(Path(folder)), asked))
    except CannotStart as refused:
        print(f"framelog: {refused}", file=sys.stderr)
        return refused.exit_code


def _asked(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m deploy.monitoring.drill", description=__doc__)
    parser.add_argument("--uploads", type=int, default=2_000, help="pictures uploaded (2,000)")
    parser.add_argument("--rate", type=float, default=12.0, help="of them a second (12)")
    parser.add_argument(
        "--dead", type=float, default=120.0, help="seconds without a projector (120); 0: none is killed"
    )
    return parser.parse_args(arguments)


def _forget_settings() -> None:
    """What is killed here must be nobody's; and the stack is to run as it comes. Raises CannotStart."""
    if named := [name for name in SERVERS if given(name)]:
        raise CannotStart(f"{named[0]} names somebody's servers: unset it, or move .env away for a moment", exit_code=2)
    for name in [name for name in os.environ if name.startswith("FRAMELOG_")]:
        del os.environ[name]


async def _until_told(home: Home, asked: argparse.Namespace) -> int:
    """The exit code; SIGINT and SIGTERM end everything in order."""
    drilling = asyncio.create_task(_drill(home, asked))
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, drilling.cancel)
    with suppress(asyncio.CancelledError):
        return await drilling
    return 128 + signal.SIGINT


async def _drill(home: Home, asked: argparse.Namespace) -> int:
    try:
        async with scene(home) as on:
            await _all_of_it(on, asked)
    except (Broken, httpx.HTTPError) as wrong:
        print(f"NOT AS PROMISED: {str(wrong) or repr(wrong)}", flush=True)
        return 1
    return 0


async def _all_of_it(on: Scene, asked: argparse.Namespace) -> None:
    before = taken(on.stack)
    events = await load(on, asked.uploads, asked.rate)
    after = taken(on.stack)
    shown = await look(on)
    if asked.dead:
        await alarm(on, asked.uploads, asked.dead)
    for line in ("", *table(shown), "", *costs(before, after, asked.uploads, events)):
        print(line)


if __name__ == "__main__":
    sys.exit(main())
