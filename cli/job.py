"""`framelog job`: one algorithm on one image: ask, look, list, try again, save what was made."""

import asyncio
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer

from cli.asking import asking
from cli.client import Client
from cli.errors import FOUND_A_DIFFERENCE, WRONG_USE, Failed
from cli.options import AsJson, Url
from cli.output import Column, json_line, listing, minute
from contracts.events import Json

ENDED = ("succeeded", "failed")
LOOK_SECONDS = 0.3

COLUMNS = (
    Column("job", lambda job: str(job["id"])),
    Column("asked", lambda job: minute(job["created_at"])),
    Column("algorithm", lambda job: job["algorithm"] or "image"),
    Column("status", lambda job: job["status"]),
    Column("image", lambda job: str(job["image_id"] or ""), spare=True),
    Column("tries", lambda job: str(job["attempts"]), spare=True),
    Column("why", lambda job: job["error"]["detail"] if job["error"] else ""),
)


class Action(StrEnum):
    ASK = "ask"
    SHOW = "show"
    LIST = "list"
    RETRY = "retry"
    SAVE = "save"


WANTS = {Action.ASK: 2, Action.SHOW: 1, Action.LIST: 0, Action.RETRY: 1, Action.SAVE: 2}


def job(
    action: Annotated[Action, typer.Argument(help="What to do.")],
    what: Annotated[
        list[str] | None,
        typer.Argument(metavar="[IMAGE ALGORITHM | JOB [PATH]]", help="ask: an image's id or address, an algorithm."),
    ] = None,
    param: Annotated[list[str] | None, typer.Option("--param", help="name=value, for ask; repeatable.")] = None,
    status: Annotated[
        str | None, typer.Option("--status", help="For list: queued, running, succeeded, failed.")
    ] = None,
    wait: Annotated[bool, typer.Option("--wait", help="For ask and retry: until it has ended.")] = False,
    callback_url: Annotated[str | None, typer.Option("--callback-url", help="For ask: whom to tell the end.")] = None,
    callback_token: Annotated[
        str | None, typer.Option("--callback-token", help="The bearer token to tell it with.")
    ] = None,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Run one algorithm on one image, and see what became of it. Exit 1 if a job that was waited for has failed.

    Examples:
      framelog job ask 5f0c2a54-4c0e-5f61-9d53-0d2f5a7b6c11 thumbnail --param width=320 --param format=webp --wait
      framelog job ask https://example.org/sea.jpg hash
      framelog job save 8e1f6b0c-4c0e-5f61-9d53-0d2f5a7b6c11 small.webp
      framelog job ask 5f0c2a54-4c0e-5f61-9d53-0d2f5a7b6c11 hash --callback-url http://127.0.0.1:8099/
      framelog job list --status failed
    """
    given = what or []
    if len(given) != WANTS[action]:
        raise Failed(f"job {action} takes {WANTS[action]} of IMAGE ALGORITHM, JOB, PATH; see --help", WRONG_USE)
    if action is Action.SAVE:
        Path(given[1]).write_bytes(asking(url, lambda client: client.bytes(f"/v1/jobs/{given[0]}/content")))
        return
    told = {"callback_url": callback_url, "callback_token": callback_token}
    parts = {"params": _params(param or []), **{name: value for name, value in told.items() if value}}
    found = asking(url, lambda client: _found(client, action, given, parts, status, wait))
    if as_json:
        for one in found:
            json_line(one)
    else:
        listing(COLUMNS, found)
    if wait and any(one["status"] == "failed" for one in found):
        raise typer.Exit(FOUND_A_DIFFERENCE)


async def _found(
    client: Client, action: Action, given: list[str], parts: dict[str, Json], status: str | None, wait: bool
) -> list[dict[str, Json]]:
    match action:
        case Action.LIST:
            return [one async for one in client.items("/v1/jobs", {"status": status}, None)]
        case Action.SHOW:
            return [await client.get(f"/v1/jobs/{given[0]}")]
        case Action.RETRY:
            asked = await client.post(f"/v1/jobs/{given[0]}/retry")
        case _:
            about = "image_url" if "://" in given[0] else "image_id"
            asked = await client.post("/v1/jobs", {about: given[0], "algorithm": given[1], **parts})
    return [await _ended(client, asked) if wait else asked]


async def _ended(client: Client, job: dict[str, Json]) -> dict[str, Json]:
    while job["status"] not in ENDED:
        await asyncio.sleep(LOOK_SECONDS)
        job = await client.get(f"/v1/jobs/{job['id']}")
    return job


def _params(given: list[str]) -> dict[str, Json]:
    """Values are JSON where they are any, else text."""
    pairs = [one.partition("=") for one in given]
    wrong = [name for name, equals, _ in pairs if not (name and equals)]
    if wrong:
        raise Failed(f"--param {wrong[0]}: it looks like width=320", WRONG_USE)
    return {name: _value(text) for name, _, text in pairs}


def _value(text: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return text
