"""What `framelog upload` says: a line per file as it ends; below them, on a terminal, a bar with rate and time left."""

import time
from collections import Counter

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.text import Text

from cli.bars import Barred
from cli.output import bytes_in_words, console, json_line, printable
from cli.sending import Outcome, State
from contracts.events import Json

COLOURS: dict[State, str] = {
    "uploaded": "green",
    "present": "cyan",
    "analysed": "green",
    "skipped": "yellow",
    "failed": "red",
}
NOT_SENT = {"skipped", "failed"}


class Report(Barred):
    """A context: the bar is there while it is open. Images go to stdout; what was not sent, and why, to stderr."""

    def __init__(self, as_json: bool) -> None:
        self.counts: Counter[State] = Counter()
        self._json = as_json
        self._out, self._err = console(), console(stderr=True)
        if self._out.is_terminal and self._err.is_terminal:
            self._err = self._out  # one screen: the bar must know of every line
        self._screen = self._out if self._out.is_terminal else self._err
        self._bar = sending_bar(self._screen)
        self._bytes = 0
        self._began = time.monotonic()

    def sending(self, total: int) -> None:
        """From now on `moved` counts bytes of `total`."""
        self._task = self._bar.add_task("sending", total=total)

    def analysing(self, total: int) -> None:
        """From now on `moved` counts images of `total`."""
        self._bar.stop()
        self._bar = analysing_bar(self._screen)
        self._bar.start()
        self._task = self._bar.add_task("analysing", total=total)

    def moved(self, count: int) -> None:
        self._bar.advance(self._task, count)

    def say(self, outcome: Outcome) -> None:
        self.counts[outcome.state] += 1
        if outcome.state == "uploaded" and outcome.image:
            self._bytes += outcome.image["size"]
        if self._json:
            json_line(described(outcome))
        elif outcome.state != "analysed":
            self._line(outcome)

    def tell(self, line: str) -> None:
        self._err.print(line, soft_wrap=True)

    def summary(self) -> str:
        """`198 uploaded, 2 present, 1 failed (612 MB in 9.1 s)`"""
        counted = ", ".join(f"{self.counts[state]} {state}" for state in COLOURS if self.counts[state])
        seconds = time.monotonic() - self._began
        return f"{counted or 'nothing done'} ({bytes_in_words(self._bytes)} in {seconds:.1f} s)"

    def _line(self, outcome: Outcome) -> None:
        path = printable(str(outcome.path))
        said = f"{path}: {printable(outcome.why)}" if outcome.why else path
        line = Text.assemble((f"{outcome.state:8}", COLOURS[outcome.state]), "  ", *_id(outcome), said)
        (self._err if outcome.state in NOT_SENT else self._out).print(line, soft_wrap=True)


def _id(outcome: Outcome) -> list[str]:
    return [outcome.image["id"], "  "] if outcome.image else []


def described(outcome: Outcome) -> dict[str, Json]:
    image = outcome.image or {}
    return {
        "path": printable(str(outcome.path)),
        "state": outcome.state,
        "id": image.get("id"),
        "sha256": image.get("sha256"),
        "analysis": image["analysis"]["status"] if image else None,
        "why": outcome.why,
    }


def sending_bar(screen: Console) -> Progress:
    return _bar(screen, DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())


def analysing_bar(screen: Console) -> Progress:
    return _bar(screen, MofNCompleteColumn(), TimeRemainingColumn())


def _bar(screen: Console, *columns: ProgressColumn) -> Progress:
    described = TextColumn("{task.description}")
    return Progress(described, BarColumn(), *columns, console=screen, disable=not screen.is_terminal, transient=True)
