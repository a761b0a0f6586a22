"""`framelog verify`: what is served is what the log says, and what it names is in object storage."""

import asyncio
from enum import StrEnum
from typing import Annotated

import typer

from cli.ages import WEEK, OlderThan, age
from cli.building import Progressing, failing
from cli.checking import check_objects
from cli.errors import FOUND_A_DIFFERENCE, WRONG_USE, Failed
from cli.options import AsJson
from cli.output import json_line, table
from deploy.local.whereabouts import located
from migrations import check
from services.projector.means import means
from services.projector.verify import Verified
from services.projector.verify import verify as compare
from services.settings import Projector


class Against(StrEnum):
    REBUILD = "rebuild"


def verify(
    against: Annotated[
        Against, typer.Option("--against", help="What the served rows are compared with.")
    ] = Against.REBUILD,
    objects: Annotated[bool, typer.Option("--objects", help="Compare object storage with the rows instead.")] = False,
    deep: Annotated[bool, typer.Option("--deep", help="Read every object, and compare its SHA-256.")] = False,
    older_than: OlderThan = WEEK,
    as_json: AsJson = False,
) -> None:
    """Build the served read model anew from the log alone, compare every row, and drop it again. Nothing is changed.

    With --objects: every original and every rendition that a row names is there with its size, with --deep also with
    its SHA-256; and there is nothing else that is older than --older-than.

    Exit 0 if all is equal, 1 if not: the first few differing rows of each table are named, and every object.

    Examples:
      framelog verify
      framelog verify --json
      framelog verify --objects --deep
    """
    if deep and not objects:
        raise Failed("--deep reads objects: say --objects too", WRONG_USE)
    with failing():
        settings = located(Projector.read())
        asyncio.run(check(settings.postgres))
        sound = _objects(settings, deep, older_than, as_json) if objects else _rows(settings, as_json)
    if not sound:
        raise typer.Exit(FOUND_A_DIFFERENCE)


def _objects(settings: Projector, deep: bool, older_than: str, as_json: bool) -> bool:
    return asyncio.run(check_objects(settings, deep, age(older_than), as_json))


def _rows(settings: Projector, as_json: bool) -> bool:
    with Progressing(as_json) as bar:
        found = asyncio.run(compare(means(settings, bar.tell)))
    _say(found, as_json)
    return not found.unlike


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
