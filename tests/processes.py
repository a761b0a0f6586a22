"""Processes that a test looks at while they come and go."""

from collections.abc import Iterator
from contextlib import suppress

import psutil


def gone(process: psutil.Process) -> bool:
    """Ended, whether or not its parent has waited for it."""
    with suppress(psutil.NoSuchProcess):
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    return True


def children(word: str) -> list[psutil.Process]:
    """Those of this process that name `word` on their command line, oldest first."""
    return sorted(_naming(word), key=lambda one: (one.create_time(), one.pid))


def _naming(word: str) -> Iterator[psutil.Process]:
    for one in psutil.Process().children():
        with suppress(psutil.Error):
            if word in " ".join(one.cmdline()):
                yield one
