"""Other programs run to their end, with their output in a log and their lines as progress. Standard library only."""

import os
import re
import subprocess
import threading
from collections.abc import Mapping, Sequence

from deploy.local.cache import cache
from deploy.local.display import Step
from deploy.local.refusal import CannotStart

_running: set[subprocess.Popen[str]] = set()
_ending = threading.Event()


def run(
    command: Sequence[str],
    name: str,
    step: Step,
    counted: str | None = None,
    total: int = 0,
    environment: Mapping[str, str] | None = None,
) -> None:
    """Runs it; lines that match `counted` are progress towards `total`. Raises CannotStart with its last line."""
    log = cache() / f"{name}.log"
    cache().mkdir(parents=True, exist_ok=True)
    done, last = 0, ""
    with log.open("w") as kept, _started(command, environment) as process:
        assert process.stdout is not None
        for line in process.stdout:
            kept.write(line)
            last = line.strip() or last
            step.note = last
            if counted is not None and re.search(counted, line):
                done += 1
                step.progress(done, total)
    _running.discard(process)
    if process.returncode:
        raise CannotStart(f"{name} failed: {last or f'exit {process.returncode}'}; all it said: {log}")


def output_of(command: Sequence[str]) -> str | None:
    """What it prints; None if it cannot be run or fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout + done.stderr


def end_all() -> None:
    """Ends every program under way, and lets none begin."""
    _ending.set()
    for process in list(_running):
        process.terminate()


def _started(command: Sequence[str], environment: Mapping[str, str] | None) -> subprocess.Popen[str]:
    if _ending.is_set():
        raise CannotStart("interrupted")
    process = subprocess.Popen(
        command,
        env={**os.environ, **(environment or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    _running.add(process)
    return process
