"""`framelog migrate`: the numbered SQL of what is not rebuilt."""

import asyncio
from typing import Annotated

import psycopg
import typer

from cli.errors import FOUND_A_DIFFERENCE, SOMETHING_IS_DOWN, WRONG_USE, Failed
from cli.options import AsJson
from cli.output import json_line
from deploy.local.whereabouts import located
from migrations import Unfit, pending
from migrations import migrate as apply
from services.settings import Endpoints


def migrate(
    status: Annotated[bool, typer.Option("--status", help="Only say what is missing; exit 1 if something is.")] = False,
    as_json: AsJson = False,
) -> None:
    """Apply the migrations that the database lacks, each once, whoever else starts at the same time."""
    server = located(Endpoints.read()).postgres
    try:
        names = asyncio.run(pending(server) if status else apply(server))
    except Unfit as unfit:
        raise Failed(str(unfit), WRONG_USE) from None
    except psycopg.OperationalError as error:
        line = str(error).splitlines()[0]
        raise Failed(
            f"Postgres: {line}; `framelog up` starts one, FRAMELOG_POSTGRES names another", SOMETHING_IS_DOWN
        ) from None
    word = "missing" if status else "applied"
    if as_json:
        json_line({word: names})
    else:
        print("\n".join(f"{word} {name}" for name in names) or "nothing is missing")
    if status and names:
        raise typer.Exit(FOUND_A_DIFFERENCE)
