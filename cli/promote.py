"""`framelog promote`: which version of an algorithm speaks for it."""

from typing import Annotated

import typer

from cli.asking import asking
from cli.client import Client
from cli.options import AsJson, Url
from cli.output import console, json_line
from contracts.events import Json


def promote(
    name: Annotated[str, typer.Argument(metavar="NAME", help="An algorithm, as `framelog algorithms` lists it.")],
    version: Annotated[int, typer.Argument(metavar="VERSION", min=0, help="One of its versions.")],
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Let a version speak for its algorithm, at once and everywhere. For admins. Nothing is computed again.

    An image that this version has not seen goes on showing its highest. Promoting the older version undoes it.

    Examples:
      framelog promote classification 201
      framelog promote classification 101"""
    before, after = asking(url, lambda client: _promoted(client, name, version))
    if as_json:
        json_line(after)
        return
    undo = f"; `framelog promote {name} {before}` undoes it" if before not in (None, str(version)) else ""
    console().print(f"{name} {version} speaks from now on{undo}", soft_wrap=True)


async def _promoted(client: Client, name: str, version: int) -> tuple[str | None, dict[str, Json]]:
    """The version that spoke so far, and what the API answers."""
    items = (await client.get("/v1/algorithms"))["items"]
    before = next((one["current_version"] for one in items if one["name"] == name), None)
    return before, await client.post(f"/v1/algorithms/{name}/promote", {"version": version})
