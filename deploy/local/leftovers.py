"""What an earlier supervisor left behind when it was killed: found by what it wrote down, verified, ended."""

import json
import os
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from deploy.local.home import Home

SAME_START = 2.0  # seconds: how far two readings of one process's start may lie apart
PATIENCE = 20.0
POLL = 0.05


@dataclass(frozen=True, slots=True)
class Recorded:
    """A child as its pid file has it. `created` is seconds since 1970: a pid alone may have passed to a stranger."""

    name: str
    pid: int
    created: float
    stop: int


def recorded(home: Home) -> list[Recorded]:
    return [one for path in sorted(home.run.glob("*.json")) if (one := _read(path))]


def alive(record: Recorded) -> psutil.Process | None:
    """The process that was written down, unless it has ended."""
    process = _of(record.pid)
    return process if process and _same(process, record) and not _ended(process) else None


def reap(home: Home, patience: float = PATIENCE) -> list[str]:
    """Ends every leftover: first asked, then killed. The names of those that were still running."""
    found = {record.name: remains for record in recorded(home) if (remains := _ask_to_end(record))}
    everything = [process for remains in found.values() for process in remains]
    for process in _still_there(everything, patience):
        with suppress(psutil.NoSuchProcess):
            process.kill()
    _still_there(everything, patience)
    for path in home.run.glob("*.json"):
        path.unlink(missing_ok=True)
    return list(found)


def _still_there(processes: Iterable[psutil.Process], within: float) -> list[psutil.Process]:
    """Those that have not ended after so many seconds."""
    last = time.monotonic() + within
    while (left := [one for one in processes if not _ended(one)]) and time.monotonic() < last:
        time.sleep(POLL)
    return left


def _ended(process: psutil.Process) -> bool:
    """Also of one that nobody has collected: an orphan waits for init, and a container may have none."""
    with suppress(psutil.NoSuchProcess):
        return bool(process.status() == psutil.STATUS_ZOMBIE) or not process.is_running()
    return True


def _read(path: Path) -> Recorded | None:
    with suppress(ValueError, KeyError, OSError):  # cut short by the kill itself: the child ended with its parent
        said = json.loads(path.read_text())
        return Recorded(path.stem, int(said["pid"]), float(said["created"]), int(said["stop"]))
    return None


def _ask_to_end(record: Recorded) -> list[psutil.Process]:
    """Signals the child, or what outlived it. All of it that has to go."""
    leader = alive(record)
    remains = list(dict.fromkeys([*_family(leader), *_session(record)]))
    for process in [leader] if leader else remains:
        with suppress(psutil.NoSuchProcess):
            process.send_signal(record.stop)
            process.resume()
    return remains


def _family(leader: psutil.Process | None) -> list[psutil.Process]:
    if leader is None:
        return []
    with suppress(psutil.NoSuchProcess):
        return [leader, *leader.children(recursive=True)]
    return [leader]


def _session(record: Recorded) -> list[psutil.Process]:
    """Who still is in the child's session. Its id is not given to another while anybody is."""
    holder = _of(record.pid)
    if holder and not _same(holder, record):
        return []
    return [one for one in psutil.process_iter() if _session_id(one.pid) == record.pid and one != holder]


def _session_id(pid: int) -> int | None:
    with suppress(OSError):
        return os.getsid(pid)
    return None


def _of(pid: int) -> psutil.Process | None:
    with suppress(psutil.NoSuchProcess):
        return psutil.Process(pid)
    return None


def _same(process: psutil.Process, record: Recorded) -> bool:
    born: float = process.create_time()
    return abs(born - record.created) < SAME_START
