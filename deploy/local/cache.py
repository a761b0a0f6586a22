"""What is fetched or built once and shared by every clone: jars, binaries. Standard library only."""

import fcntl
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


def cache() -> Path:
    """The user's cache directory for Framelog, as platformdirs would name it (which a bare machine does not have)."""
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "framelog"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "framelog"


def install(entry: str, make: Callable[[Path], None]) -> Path:
    """The cache's `entry`, filled by `make(directory)` if it is not there. It appears whole or not at all, and one
    clone makes it while others wait."""
    final = cache() / entry
    if not final.exists():
        with _alone(entry):
            if not final.exists():
                _make(final, make)
    return final


def _make(final: Path, make: Callable[[Path], None]) -> None:
    for abandoned in final.parent.glob(f".{final.name}-*"):
        shutil.rmtree(abandoned, ignore_errors=True)
    fresh = Path(tempfile.mkdtemp(prefix=f".{final.name}-", dir=final.parent))
    try:
        fresh.chmod(0o755)
        make(fresh)
        fresh.rename(final)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


@contextmanager
def _alone(entry: str) -> Iterator[None]:
    cache().mkdir(parents=True, exist_ok=True)
    with (cache() / f"{entry}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
