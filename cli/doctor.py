"""`framelog doctor`: what is installed, what runs, what answers, what lags."""

import asyncio
import logging

import typer

from cli.errors import SOMETHING_IS_DOWN
from cli.options import AsJson
from cli.output import json_line, table
from deploy.local.examine import examine
from services.settings import Api

MARKS = {True: "ok", False: "DOWN", None: "-"}


def doctor(as_json: AsJson = False) -> None:
    """Say what is installed, running, answering and lagging on this machine. Exit 3 if something is down."""
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    findings = asyncio.run(examine(Api.read()))
    if as_json:
        for finding in findings:
            json_line(finding)
    else:
        table(("what", "", "how it is"), [(one.what, MARKS[one.well], one.how) for one in findings])
    if any(one.well is False for one in findings):
        raise typer.Exit(SOMETHING_IS_DOWN)
