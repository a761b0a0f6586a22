"""`framelog search`: images by what they are, what they show, when and with what they were taken."""

from collections.abc import AsyncIterator
from typing import Annotated, Literal
from uuid import UUID

import typer

from cli.asking import asking
from cli.client import Client, Query
from cli.options import AsJson, Url
from cli.output import Column, bytes_in_words, console, json_line, listing, minute
from contracts.events import Json

# Of one's own images, or of another's public ones, which have no file name, size or analysis.
COLUMNS = (
    Column("image", lambda image: str(image["id"])),
    Column("created", lambda image: minute(image["created_at"])),
    Column("pixels", lambda image: f"{image['width']}×{image['height']}", spare=True),
    Column("size", lambda image: bytes_in_words(image["size"]) if "size" in image else "", spare=True),
    Column("analysis", lambda image: image["analysis"]["status"] if "analysis" in image else ""),
    Column("file", lambda image: image.get("filename") or image["title"] or ""),
)
NOT_FILTERS = {"limit", "every", "as_json", "url"}

Status = Literal["queued", "running", "completed", "partial", "failed"]
Sort = Literal["created_at", "-created_at", "taken_at", "-taken_at", "size", "-size"]
Origin = Literal["upload", "url", "job"]
Filter = typer.Option


def search(
    ctx: typer.Context,
    q: Annotated[str | None, typer.Argument(metavar="[TEXT]", help="In title, description, name, tags.")] = None,
    tag: Annotated[list[str] | None, Filter(help="With this tag; repeated, with each of them.")] = None,
    media_type: Annotated[str | None, Filter("--type", metavar="TYPE", help="Media type: image/png.")] = None,
    min_width: Annotated[int | None, Filter(min=0, metavar="PIXELS", help="At least so wide.")] = None,
    min_height: Annotated[int | None, Filter(min=0, metavar="PIXELS", help="At least so high.")] = None,
    taken_after: Annotated[str | None, Filter(metavar="TIME", help="2024-05-01, or with a time in RFC 3339.")] = None,
    taken_before: Annotated[str | None, Filter(metavar="TIME", help="Likewise.")] = None,
    camera: Annotated[str | None, Filter(metavar="TEXT", help="Part of make and model.")] = None,
    color: Annotated[str | None, Filter(metavar="#RRGGBB", help="Showing a colour close to this one.")] = None,
    label: Annotated[str | None, Filter(help="That a classifier found.")] = None,
    status: Annotated[
        Status | None, Filter(metavar="STATUS", help="queued, running, completed, partial or failed.")
    ] = None,
    sha256: Annotated[str | None, Filter(metavar="HEX", help="With these bytes.")] = None,
    near: Annotated[UUID | None, Filter(metavar="ID", help="Looking like this image.")] = None,
    distance: Annotated[int | None, Filter(min=0, max=16, help="With --near: bits that may differ.")] = None,
    deleted: Annotated[bool | None, Filter("--deleted", help="Deleted ones instead.")] = None,
    owner: Annotated[str | None, Filter(metavar="ACCOUNT", help="Someone else's public ones.")] = None,
    origin: Annotated[Origin | None, Filter(metavar="ORIGIN", help="upload, url or job; without it, not job.")] = None,
    sort: Annotated[
        Sort | None, Filter(metavar="FIELD", help="created_at, taken_at or size, - before it: descending.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 50,
    every: Annotated[bool, typer.Option("--all", help="All there are.")] = False,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Search images, newest first. Every filter given must hold.

    A table on a terminal; on a pipe one line per image, tab-separated, its id first.

    Examples:
      framelog search beach --tag holidays --taken-after 2024-05-01
      framelog search --camera "canon eos" --min-width 3000 --sort -taken_at
      framelog search --color "#2a6f97" --limit 10
      framelog search --near 5f0c2a54-4c0e-5f61-9d53-0d2f5a7b6c11 --distance 8
      framelog search --status failed --all --json | jq -r .id
    """
    query = {name: value for name, value in ctx.params.items() if name not in NOT_FILTERS and value is not None}
    wanted = None if every else limit
    if as_json:
        asking(url, lambda client: _stream(client, query, wanted))
    else:
        _table(asking(url, lambda client: _collect(client, query, wanted)), wanted)


async def _stream(client: Client, query: Query, limit: int | None) -> None:
    async for image in _images(client, query, limit):
        json_line(image)


async def _collect(client: Client, query: Query, limit: int | None) -> list[dict[str, Json]]:
    """One more than `limit`, so that one can say there are more."""
    return [image async for image in _images(client, query, limit and limit + 1)]


def _images(client: Client, query: Query, limit: int | None) -> AsyncIterator[dict[str, Json]]:
    return client.items("/v1/images", query, limit)


def _table(images: list[dict[str, Json]], limit: int | None) -> None:
    listing(COLUMNS, images[:limit])
    notes = console(stderr=True)
    if not images:
        notes.print("no image fits; with fewer filters, or --deleted, there may be some")
    elif limit and len(images) > limit:
        notes.print(f"there are more than these {limit}; --limit shows more of them, --all all")
