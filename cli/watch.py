"""`framelog watch`: the account's events, printed as they happen."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated

import orjson
import typer
from rich.text import Text

from cli.asking import connect
from cli.client import Client
from cli.errors import WRONG_USE, Failed
from cli.options import AsJson, Url
from cli.output import console, json_line, printable
from cli.told import what
from contracts.events import Json

NOW = "now"
PAUSE_SECONDS = 0.5
"""Between a stream's end and the next: whoever ended it is perhaps starting again."""


@dataclass(slots=True)
class Place:
    """After which event to go on: what a stream told last."""

    last: str | None = None


def watch(
    after: Annotated[
        str | None, typer.Option("--after", help="Go on after this event: an `id` of --json.", show_default=False)
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Begin with the first event of the account.")] = False,
    count: Annotated[int, typer.Option("--count", min=0, help="End after so many; 0 for Ctrl-C.")] = 0,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Print a line per event of the account as it happens: what was asked, found, shared, or refused, and why.

    Goes on by itself where the connection breaks; none is missed, none comes twice.

    Examples:
      framelog watch
      framelog watch --json | jq 'select(.accepted | not)'
      framelog watch --all --count 100
    """
    if after and every:
        raise Failed("--after goes on after an event, --all begins with the first: say one of them", WRONG_USE)
    place = Place(after)
    try:
        asyncio.run(_watch(url, place, None if every else NOW, count, as_json))
    finally:
        if place.last != after:
            console(stderr=True).print(f"to go on: framelog watch --after {place.last}", soft_wrap=True)


async def _watch(url: str | None, place: Place, begin: str | None, count: int, as_json: bool) -> None:
    seen = 0
    async with connect(url) as client:
        async for event in _events(client, place, begin):
            _say(event, as_json)
            seen += 1
            if seen == count:
                return


async def _events(client: Client, place: Place, begin: str | None) -> AsyncIterator[dict[str, Json]]:
    """Stream after stream, each from where the one before ended. Raises Refused or Down."""
    while True:
        headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": place.last} if place.last else {})
        lines = client.lines("/v1/events", {} if place.last else {"after": begin}, headers)
        async for id_, data in blocks(lines):
            place.last = id_ or place.last
            if data:
                yield orjson.loads(data)
        await asyncio.sleep(PAUSE_SECONDS)


async def blocks(lines: AsyncIterator[str]) -> AsyncIterator[tuple[str, str]]:
    """The `id` and the `data` of each server-sent event; one that a broken connection cut short is none."""
    id_, data = "", []
    async for line in lines:
        name, _, value = line.partition(":")
        match name:
            case "id":
                id_ = value.removeprefix(" ")
            case "data":
                data.append(value.removeprefix(" "))
            case "" if not line:
                yield id_, "\n".join(data)
                id_, data = "", []


def _say(event: dict[str, Json], as_json: bool) -> None:
    if as_json:
        json_line(event)
        return
    kind = event["type"].removeprefix("framelog.").rpartition(".")[0]
    words = (event["time"][:19].replace("T", " "), kind, event["actor"] or "", event["image_id"] or "", what(event))
    if console().is_terminal:
        time, kind, *rest = map(printable, words)
        style = "" if event["accepted"] else "yellow"
        console().print(Text.assemble((f"{time}  ", "dim"), (f"{kind:20}  ", style), "  ".join(filter(None, rest))))
    else:
        print("\t".join(map(printable, words)), flush=True)
