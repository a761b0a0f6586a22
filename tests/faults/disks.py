"""Small disks, and what fills them up."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

MIB = 1024 * 1024


def cannot_mount() -> str | None:
    """Why there are no small disks here."""
    if os.geteuid() != 0:
        return "only root mounts a small disk"
    if subprocess.run(["unshare", "--mount", "mount", "-t", "tmpfs", "none", "/mnt"], capture_output=True).returncode:
        return "this machine lets not even root mount a tmpfs"
    return None


@contextmanager
def small_disk(directory: Path, megabytes: int) -> Iterator[None]:
    """A file system of its own at `directory`, in memory; gone afterwards, whoever is still in it."""
    directory.mkdir()
    options = f"size={megabytes}m,mode=711"
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "framelog-drill", str(directory)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(directory)], check=True)


@contextmanager
def filled(directory: Path) -> Iterator[None]:
    """Somebody else takes all of the disk, meanwhile."""
    ballast = directory / "ballast"
    with ballast.open("wb", buffering=0) as file, suppress(OSError):
        while file.write(bytes(MIB)):
            pass
    try:
        yield
    finally:
        ballast.unlink()
