"""One child process: how it is started, what is written down about it, how it is ended."""

import asyncio
import ctypes
import json
import os
import shutil
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from deploy.local.home import Home

PR_SET_PDEATHSIG = 1
LOG_BYTES = 10 * 1024 * 1024
# PyDLL keeps the interpreter's lock, which a forked child must not wait for.
_libc = ctypes.PyDLL(None) if sys.platform == "linux" else None


@dataclass(frozen=True, slots=True)
class User:
    """Whom a child runs as, when not as ourselves."""

    name: str
    uid: int
    gid: int


async def at_once() -> bool:
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """What to run.

    `answers` says whether it can be used yet; `layer` is stopped once every layer above it has been; `patience` is the
    seconds from the signal `stop` to SIGKILL.
    """

    name: str
    command: Sequence[str]
    cwd: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    answers: Callable[[], Awaitable[bool]] = at_once
    layer: int = 0
    stop: signal.Signals = signal.SIGTERM
    patience: float = 20.0
    user: User | None = None


async def spawn(program: Program, home: Home) -> asyncio.subprocess.Process:
    """Starts it in a session of its own, so that Ctrl-C reaches the supervisor alone; it ends with the supervisor.

    Must be called on the main thread: the kernel watches the thread that forks.
    """
    log = home.log(program.name)
    bound(log)
    user = program.user
    with log.open("ab") as output:
        process = await asyncio.create_subprocess_exec(
            *program.command,
            cwd=program.cwd,
            env={**os.environ, **program.environment},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            user=user.uid if user else None,
            group=user.gid if user else None,
            extra_groups=[] if user else None,
            preexec_fn=_ending_with_parent(program.stop) if _libc else None,
        )
    try:
        _write_down(program, process.pid, home)
    except OSError:  # no disk: nobody would know of it
        process.kill()
        await process.wait()
        raise
    return process


async def end(program: Program, process: asyncio.subprocess.Process, home: Home) -> None:
    """Asks it to stop, insists after `patience`, and takes what is left of its session along."""
    with suppress(ProcessLookupError):
        process.send_signal(program.stop)
        os.killpg(process.pid, signal.SIGCONT)
    try:
        await asyncio.wait_for(process.wait(), program.patience)
    except TimeoutError:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
    finally:
        forget(program, process.pid, home)


def forget(program: Program, pid: int, home: Home) -> None:
    """After its end, once: kills what it left behind in its session and drops the record."""
    record = home.run / f"{program.name}.json"
    if record.exists():
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)
        record.unlink()


def bound(log: Path) -> None:
    """Keeps a log small, and one file of what was before; whoever writes it may go on, as all of them append."""
    with suppress(OSError):  # no disk, or no log yet
        if log.stat().st_size > LOG_BYTES:
            shutil.copyfile(log, log.with_suffix(".log.1"))
            os.truncate(log, 0)


def how(code: int) -> str:
    return f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit {code}"


def _ending_with_parent(how_to_stop: signal.Signals) -> Callable[[], None]:
    """Runs in the child after its user is set (setting it would clear the wish) and before its program."""
    parent = os.getpid()

    def ask() -> None:
        assert _libc is not None
        _libc.prctl(PR_SET_PDEATHSIG, int(how_to_stop))
        if os.getppid() != parent:  # died in between
            os._exit(1)

    return ask


def _write_down(program: Program, pid: int, home: Home) -> None:
    with suppress(psutil.NoSuchProcess):
        record = {"pid": pid, "created": psutil.Process(pid).create_time(), "stop": int(program.stop)}
        (home.run / f"{program.name}.json").write_text(json.dumps(record))
