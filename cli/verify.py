"""`framelog verify`: what is served is what the log says."""

import asyncio
from enum import StrEnum
from typing import Annotated

import typer

from cli.building import Progressing, failing, means
from cli.errors import FOUND_A_DIFFERENCE
from cli.options import AsJson
from cli.output import json_line, table
from deploy.local.whereabouts import located
from migrations import check
from services.projector.verify import Verified
from services.projector.verify import verify as compare
from services.settings import Projector


class Against(StrEnum):
    REBUILD = "rebuild"


def verify(
    against: Annotated[
        Against, typer.Option("--against", help="What the served rows are compared with.")
    ] = Against.REBUILD,
    as_json: AsJson = False,
) -> None:
    """Build the served read model anew from the log alone, compare every row, and drop it again. Nothing is changed.

    Exit 0 if all rows are equal, 1 if not: the first few differing rows of each table are named.

    Examples:
      framelog verify
      framelog verify --json
    """
    with failing():
        settings = located(Projector.read())
        asyncio.run(check(settings.postgres))
        with Progressing(as_json) as bar:
            found = asyncio.run(compare(means(settings, bar.tell)))
    _say(found, as_json)
    if found.unlike:
        raise typer.Exit(FOUND_A_DIFFERENCE)


def _say(found: Verified, as_json: bool) -> None:
    if as_json:
        tables = {
            name: {"rows": one.rows, "served": one.digest, "rebuilt": found.rebuilt[name].digest}
            for name, one in found.served.items()
        }
        json_line({"tables": tables, "equal": not found.unlike, "differences": [str(one) for one in found.differences]})
        return
    rows = [
        (name, f"{one.rows:,}", one.digest, found.rebuilt[name].digest, "DIFFERS" if name in found.unlike else "equal")
        for name, one in found.served.items()
    ]
    table(("table", "rows", "served", "rebuilt", ""), rows)
    for one in found.differences:
        print(one)
