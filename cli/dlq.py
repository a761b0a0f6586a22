"""`framelog dlq`: what consumers could not read: look, have it read once more, or leave it out."""

from base64 import b64decode
from enum import StrEnum
from typing import Annotated

import typer
from rich.text import Text

from cli.asking import asking
from cli.client import Client
from cli.described import worded
from cli.errors import FOUND_A_DIFFERENCE, SOMETHING_IS_DOWN, WRONG_USE, Failed, report
from cli.options import AsJson, Url
from cli.output import Column, grid, json_line, listing, minute, printable
from contracts.dead_letters import PROJECTOR
from contracts.events import Json

LONGEST = 300  # bytes of an original on a terminal
LETTERS = "/v1/admin/dead-letters"
COLUMNS = (
    Column("dead letter", lambda one: str(one["id"])),
    Column("buried", lambda one: minute(one["buried_at"])),
    Column("state", lambda one: one["state"]),
    Column("consumer", lambda one: one["consumer"]),
    Column("record", lambda one: f"{one['topic']}:{one['partition']}:{one['offset']}", spare=True),
    Column("tries", lambda one: str(one["tries"]), spare=True),
    Column("waiting", lambda one: str(one["parked"])),
    Column("why", lambda one: f"{one['reason']}: {one['detail']}"),
)


class Action(StrEnum):
    LIST = "list"
    SHOW = "show"
    RETRY = "retry"
    DISCARD = "discard"


def dlq(
    action: Annotated[Action, typer.Argument(help="What to do.")],
    letters: Annotated[
        list[str] | None,
        typer.Argument(metavar="[ID]…", help="show, retry, discard: dead letters, as `list` has them."),
    ] = None,
    state: Annotated[
        str | None, typer.Option("--state", help="For list: buried, retried, discarded, read.", metavar="STATE")
    ] = None,
    consumer: Annotated[
        str | None, typer.Option("--consumer", help="For list: projector, fetcher, analyzer-core, …", metavar="NAME")
    ] = None,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """See what could not be read, and say what is to become of it. For admins.

    What the projector cannot read holds up later events of the same key until somebody discards it, or newer code reads
    it. Exit 1 if something that was retried still cannot be read.

    Examples:
      framelog dlq list --state buried
      framelog dlq show 0d7f3c1a-4c0e-5f61-9d53-0d2f5a7b6c11 --json | jq -r .value | base64 -d
      framelog dlq retry 0d7f3c1a-4c0e-5f61-9d53-0d2f5a7b6c11
      framelog dlq discard 0d7f3c1a-4c0e-5f61-9d53-0d2f5a7b6c11
    """
    given = letters or []
    if bool(given) == (action is Action.LIST):
        needs = "takes no ID" if given else "takes the ID of a dead letter; `framelog dlq list` has them"
        raise Failed(f"dlq {action} {needs}", WRONG_USE)
    found = asking(url, lambda client: _found(client, action, given, {"state": state, "consumer": consumer}))
    _say(action, found, as_json)
    if action is Action.RETRY:
        _refuse_unread([one["id"] for one in found if one["consumer"] == PROJECTOR and one["state"] == "retried"])


def _refuse_unread(letters: list[str]) -> None:
    for letter in letters:
        report(f"{letter} still cannot be read: `framelog dlq discard {letter}`, or start newer code")
    if letters:
        raise typer.Exit(FOUND_A_DIFFERENCE)


async def _found(
    client: Client, action: Action, given: list[str], filters: dict[str, str | None]
) -> list[dict[str, Json]]:
    if action is Action.LIST:
        return [one async for one in client.items(LETTERS, filters, None)]
    return [await _one(client, action, letter) for letter in given]


async def _one(client: Client, action: Action, letter: str) -> dict[str, Json]:
    if action is Action.SHOW:
        return await client.get(f"{LETTERS}/{letter}")
    said = await client.post(f"{LETTERS}/{letter}/{action}")
    if "status_url" in said:
        raise Failed(
            f"{letter}: it is said, and the projector has not come to it; `framelog dlq show {letter}` in a moment",
            SOMETHING_IS_DOWN,
        )
    return said


def _say(action: Action, found: list[dict[str, Json]], as_json: bool) -> None:
    if as_json:
        for one in found:
            json_line(one)
    elif action is Action.SHOW:
        for one in found:
            grid([(worded(name), Text(printable(_shown(name, value)))) for name, value in one.items()])
    else:
        listing(COLUMNS, found)


def _shown(name: str, value: Json) -> str:
    """The original bytes as far as they are text; `--json` has all of them."""
    if name in ("key", "value") and value is not None:
        return _start(value)
    if name == "headers":
        return ", ".join(f"{header}={_start(encoded)}" for header, encoded in value)
    return "" if value is None else str(value)


def _start(encoded: str) -> str:
    found = b64decode(encoded)
    return found[:LONGEST].decode(errors="replace") + ("…" if len(found) > LONGEST else "")
