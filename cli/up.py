"""`framelog up`: everything on this machine, until Ctrl-C."""

import asyncio
import logging
import sys
from typing import Annotated

import typer

from cli.address import CREDENTIALS, credentials
from cli.options import AsJson
from cli.output import json_line
from deploy.local.display import Display
from deploy.local.up import up as run
from deploy.local.whereabouts import given, home
from services.settings import SECTIONS, Api


def up(
    as_json: AsJson = False,
    reload: Annotated[bool, typer.Option("--reload", help="Restart the API when its source changes.")] = False,
) -> None:
    """Start Kafka, MinIO, Postgres, topics, schemas and services on this machine, and keep them running.

    Ctrl-C or SIGTERM stops all of it in order. FRAMELOG_KAFKA, FRAMELOG_S3 and FRAMELOG_POSTGRES name servers of your
    own to be used instead.
    """
    for section in SECTIONS:
        section.read()  # a wrong setting of any service stops the start, before anything runs
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # it logs every attempt to reach a server that starts
    settings = Api.read()
    where = home(settings)
    known = where.path / CREDENTIALS
    first = not known.exists()

    def announce(url: str) -> None:
        if as_json:
            json_line({"url": url, "home": str(where.path)})
            return
        password = f"password {credentials(where.path).get('password')}, kept" if first else "its password is"
        print(f"Framelog answers at {url}\nSign in as admin: {password} in {known}", flush=True)
        print(f"Ctrl-C stops it; logs: {where.logs}", flush=True)

    display = Display(sys.stderr if as_json else sys.stdout)
    asyncio.run(run(settings, given(settings), where, display, announce, reload=reload))
