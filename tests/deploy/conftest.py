"""A home of one's own for each test, and what still runs in it."""

import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from deploy.local.child import Program
from deploy.local.home import Home


@pytest.fixture
def home() -> Iterator[Home]:
    """In a directory that Postgres's own user can enter, unlike pytest's."""
    path = Path(tempfile.mkdtemp(prefix="framelog-home-"))
    path.chmod(0o711)
    yield Home(path)
    left = kill_all(path)
    shutil.rmtree(path, ignore_errors=True)
    assert left == []


def running_in(path: Path) -> list[psutil.Process]:
    """Every process that names `path` on its command line or works in it, or serves the stack of that home. Its name is
    in its `info`, for it may end while one looks."""
    return [process for process in psutil.process_iter(["name"]) if _belongs(process, str(path))]


def kill_all(path: Path) -> list[psutil.Process]:
    """SIGKILL to each of them; what there was."""
    found = running_in(path)
    for process in found:
        with suppress(psutil.NoSuchProcess):  # its parent's death took it along
            process.kill()
    return found


def python(source: str, *, name: str = "child", cwd: Path | None = None, **settings: object) -> Program:
    """A child that runs `source`."""
    return script([sys.executable, "-c", source], name=name, cwd=cwd, **settings)


def script(command: Sequence[str], *, name: str = "child", cwd: Path | None = None, **settings: object) -> Program:
    return Program(name=name, command=command, cwd=cwd or Path.cwd(), **settings)  # type: ignore[arg-type]


def _belongs(process: psutil.Process, path: str) -> bool:
    with suppress(psutil.Error):
        if process.status() == psutil.STATUS_ZOMBIE:
            return False
        told = process.environ().get("FRAMELOG_HOME") == path
        return told or process.cwd().startswith(path) or any(path in word for word in process.cmdline())
    return False
