"""Steps as they run, several at a time: a live picture on a terminal, plain lines elsewhere. Standard library only."""

import io
import os
import shutil
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import TextIO

FRAMES = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
REPAINT = 0.1
REMINDER = 15.0  # seconds between two plain lines of a step that takes long
BAR = 20


class Step:
    """One line. `done` of `total` may stay unknown; `note` is a word on what is going on."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.note = ""
        self.state = "running"
        self._began = time.monotonic()
        self._took: float | None = None
        self._done = 0
        self._total = 0

    def progress(self, done: int, total: int) -> None:
        self._done, self._total = done, total

    def end(self, state: str) -> None:
        self.state, self._took = state, time.monotonic() - self._began

    @property
    def elapsed(self) -> float:
        return time.monotonic() - self._began if self._took is None else self._took

    @property
    def share(self) -> float | None:
        """How much is done, 0 to 1; None if nobody can say."""
        return min(self._done / self._total, 1.0) if self._total else None


class Display:
    """`with Display() as display, display.step("Kafka") as step: …`; threads may share it."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stdout
        if isinstance(self._stream, io.TextIOWrapper):
            self._stream.reconfigure(errors="replace")  # a terminal that knows no ✓ gets a ?
        self._live = self._stream.isatty() and os.environ.get("TERM") != "dumb"
        self._color = self._live and "NO_COLOR" not in os.environ
        self._lock = threading.RLock()
        self._steps: list[Step] = []
        self._painted = 0
        self._frame = 0
        self._over = threading.Event()
        self._painter = threading.Thread(target=self._repaint, daemon=True)

    def __enter__(self) -> "Display":
        self._painter.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._painter.join()
        self._paint()
        self._steps, self._painted = [], 0  # what is said from now on comes below

    @contextmanager
    def step(self, name: str) -> Iterator[Step]:
        step = Step(name)
        with self._lock:
            self._steps.append(step)
        if not self._live:
            self.say(f"{name}: …")
        try:
            yield step
        except BaseException as error:
            self._end(step, "failed" if isinstance(error, Exception) else "stopped")
            raise
        self._end(step, "done")

    def say(self, line: str) -> None:
        """A line that stays, above the picture."""
        with self._lock:
            self._erase()
            print(line, file=self._stream, flush=True)
            self._paint()

    def _end(self, step: Step, state: str) -> None:
        step.end(state)
        if not self._live:
            self.say(_plain_line(step, state))

    def _repaint(self) -> None:
        pause = REPAINT if self._live else REMINDER
        while not self._over.wait(pause):
            with self._lock:
                self._frame += 1
                if self._live:
                    self._paint()
                else:
                    for step in self._steps:
                        if step.state == "running":
                            print(_plain_line(step, "…"), file=self._stream, flush=True)

    def _paint(self) -> None:
        if not self._live:
            return
        with self._lock:
            self._erase()
            width = shutil.get_terminal_size().columns - 1
            for step in self._steps:
                print(self._colored(step, _line(step, self._mark(step))[:width]), file=self._stream)
            self._stream.flush()
            self._painted = len(self._steps)

    def _erase(self) -> None:
        if self._live and self._painted:
            self._stream.write(f"\x1b[{self._painted}F\x1b[J")
            self._painted = 0

    def _mark(self, step: Step) -> str:
        return {"running": FRAMES[self._frame % len(FRAMES)], "done": "✓", "failed": "✗", "stopped": "■"}[step.state]

    def _colored(self, step: Step, line: str) -> str:
        if not self._color:
            return line
        color = {"running": 36, "done": 32, "failed": 31, "stopped": 33}[step.state]
        return f"\x1b[{color}m{line[0]}\x1b[0m{line[1:]}"


def _plain_line(step: Step, word: str) -> str:
    """`Kafka: … 45 % (14.2 s)`"""
    share = f" {step.share:.0%}" if step.share is not None and step.state == "running" else ""
    return f"{step.name}: {word}{share} ({step.elapsed:.1f} s)"


def _line(step: Step, mark: str) -> str:
    """`⠹ MinIO                  45.6 s  █████░░░░░░░░░░░░░░░  26%  what it is doing`"""
    said = f"{mark} {step.name:<20} {step.elapsed:6.1f} s"
    if step.state != "running":
        return said
    if step.share is not None:
        full = round(step.share * BAR)
        said += f"  {'█' * full}{'░' * (BAR - full)} {step.share:4.0%}"
    return f"{said}  {step.note}".rstrip()
