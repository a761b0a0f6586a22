"""The options that every command of the client has."""

from typing import Annotated
from uuid import UUID

import typer

Url = Annotated[
    str | None,
    typer.Option("--url", help="Where the API is; this machine, if not said.", show_default=False, metavar="URL"),
]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON document per line.")]
ImageId = Annotated[UUID, typer.Argument(metavar="ID", help="An image's id, as `upload` and `search` print it.")]
