"""`framelog search`: images by what they are, what they show, when and with what they were taken."""

from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from typing import Annotated, Literal, TypeVar
from uuid import UUID

import typer

from cli.asking import asking
from cli.client import Query
from cli.errors import WRONG_USE, Failed
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
NOT_FILTERS = {"limit", "every", "as_of_schema", "account", "as_json", "url"}

Status = Literal["queued", "running", "completed", "partial", "failed"]
Sort = Literal["created_at", "-created_at", "taken_at", "-taken_at", "size", "-size"]
Origin = Literal["upload", "url", "job"]
Filter = typer.Option
T = TypeVar("T")
Images = AsyncIterator[dict[str, Json]]
Search = Callable[[Query, int | None], Images]
"""The first so many images that fit, or all of them."""


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
    as_of_schema: Annotated[
        str | None,
        typer.Option(metavar="SCHEMA", help="In what `framelog rebuild --until` made, straight from Postgres."),
    ] = None,
    account: Annotated[
        str | None, typer.Option(metavar="ACCOUNT", help="With --as-of-schema: search as this account.")
    ] = None,
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
      framelog search beach --as-of-schema as_of_195270c78d6f_3
    """
    if account and not as_of_schema:
        raise Failed("--account goes with --as-of-schema; `framelog login` signs in as somebody else", WRONG_USE)
    query = {name: value for name, value in ctx.params.items() if name not in NOT_FILTERS and value is not None}
    wanted = None if every else limit
    searching = partial(_searching, as_of_schema, account, url)
    if as_json:
        searching(lambda search: _stream(search(query, wanted)))
    else:  # one more than `wanted`, so that one can say there are more
        _table(searching(lambda search: _collect(search(query, wanted and wanted + 1))), wanted)


def _searching(schema: str | None, account: str | None, url: str | None, ask: Callable[[Search], Awaitable[T]]) -> T:
    """Asks the API; or a read model of the past, which the API knows nothing of."""
    if schema is None:
        return asking(url, lambda client: ask(partial(client.items, "/v1/images")))
    from cli.then import looking_into

    return looking_into(schema, account, url, ask)


async def _stream(images: Images) -> None:
    async for image in images:
        json_line(image)


async def _collect(images: Images) -> list[dict[str, Json]]:
    return [image async for image in images]


def _table(images: list[dict[str, Json]], limit: int | None) -> None:
    listing(COLUMNS, images[:limit])
    notes = console(stderr=True)
    if not images:
        notes.print("no image fits; with fewer filters, or --deleted, there may be some")
    elif limit and len(images) > limit:
        notes.print(f"there are more than these {limit}; --limit shows more of them, --all all")
