"""Runs the benchmarks on a stack of their own and writes docs/benchmarks.md.

Usage: python -m benchmarks [--rounds N] [NAME …]
"""

import argparse
import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import fields
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol

from benchmarks import (
    analysis,
    campaign,
    classification,
    interrupted,
    lag,
    peers,
    projection,
    query,
    rebuild,
    sign_in,
    thumbnails,
    upload,
    visible,
)
from benchmarks.stand import Stack, warm
from benchmarks.table import said_by
from deploy.local.home import Home
from deploy.local.refusal import CannotStart
from deploy.local.servers import Servers


class Shown(Protocol):
    def markdown(self) -> str: ...


Benchmark = Callable[[Stack, int], AsyncIterator[Shown]]
BENCHMARKS: dict[str, Benchmark] = {
    "upload": upload.tables,
    "analysis": analysis.tables,
    "classification": classification.tables,
    "projection": projection.tables,
    "lag": lag.tables,
    "rebuild": rebuild.tables,
    "visible": visible.tables,
    "interrupted": interrupted.tables,
    "thumbnails": thumbnails.tables,
    "campaign": campaign.tables,
    "query": query.tables,
    "sign_in": sign_in.tables,
}
PREPARATIONS = {
    "upload": upload.prepare,
    "analysis": analysis.prepare,
    "rebuild": peers.prepare,
    "thumbnails": thumbnails.prepare,
    "query": peers.prepare,
}
"""What may be missing is found before anything slow."""
PREFACE = """Run by `make bench` on real servers of its own, all contenders interleaved in every round, on one
machine that also runs the servers. Absolute figures are of that machine; the ratios are what carries over."""
RESULTS = Path(__file__).parents[1] / "docs" / "benchmarks"


def main() -> None:
    asked = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    asked.add_argument("names", nargs="*", metavar="NAME", help=", ".join(BENCHMARKS))
    asked.add_argument("--rounds", type=int, default=5, help="counted rounds of every contender")
    given = asked.parse_args()
    names = given.names or list(BENCHMARKS)
    try:
        for name in names:
            PREPARATIONS.get(name, lambda: None)()
        with TemporaryDirectory(prefix="framelog-bench-") as home:
            Path(home).chmod(0o755)  # Postgres runs under another uid, which must be able to enter
            asyncio.run(run(Home(Path(home)), names, given.rounds))
    except CannotStart as refused:
        print(refused, file=sys.stderr)
        sys.exit(refused.exit_code)


async def run(home: Home, names: list[str], rounds: int) -> None:
    async with Servers(home) as addresses:
        stack = Stack(**{field.name: getattr(addresses, field.name) for field in fields(Stack)})
        await warm(stack)
        for name in names:
            print(name, flush=True)
            parts = [table.markdown() async for table in BENCHMARKS[name](stack, rounds)]
            RESULTS.mkdir(exist_ok=True)
            (RESULTS / f"{name}.md").write_text("\n".join([*parts, said_by(rounds)]))
    summary = [path.read_text() for name in BENCHMARKS if (path := RESULTS / f"{name}.md").exists()]
    RESULTS.with_suffix(".md").write_text("\n".join(["# Benchmarks", "", PREFACE, "", *summary]))


if __name__ == "__main__":
    main()
