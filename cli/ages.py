"""Ages on the command line: `7d`, `12h`, `30m`, `90s`."""

import re
from datetime import timedelta
from typing import Annotated

import typer

from cli.errors import WRONG_USE, Failed

WEEK = "7d"
SECONDS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
LONGEST = 36_500 * SECONDS["d"]

OlderThan = Annotated[
    str, typer.Option("--older-than", metavar="AGE", help="What is younger is left alone: 7d, 12h, 30m, 90s.")
]


def age(text: str) -> timedelta:
    """Raises Failed."""
    found = re.fullmatch(r"([0-9]{1,9})([dhms])", text)
    seconds = int(found[1]) * SECONDS[found[2]] if found else LONGEST + 1
    if seconds > LONGEST:
        raise Failed(f"--older-than {text[:100]}: not an age like 7d, 12h, 30m or 90s", WRONG_USE)
    return timedelta(seconds=seconds)
