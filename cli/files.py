"""Which files an upload means: those named, those of a folder, those below it."""

import hashlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from services.ingest.headers import SNIFFED, sniff

# The API decides by the bytes; a name that says image is enough to ask it, a folder's README is not.
IMAGE_SUFFIXES = {
    f".{suffix}"
    for suffix in ("jpg", "jpeg", "jpe", "jfif", "png", "gif", "webp", "avif", "tif", "tiff", "bmp", "heic", "heif")
}


@dataclass(frozen=True, slots=True)
class Found:
    """A file to send, and its size in bytes when it was found."""

    path: Path
    size: int


@dataclass(frozen=True, slots=True)
class Left:
    """What is not sent, and why. `wrong`: it was asked for, so it is a failure."""

    path: Path
    why: str
    wrong: bool


def find(paths: Iterable[Path], recursive: bool) -> Iterator[Found | Left]:
    """Each file once, in the order named and sorted within a folder. Hidden files of a folder are nobody's pictures."""
    seen: set[Path] = set()
    for path in paths:
        for one in _within(path, recursive) if path.is_dir() else [_named(path)]:
            real = one.path.resolve()
            if real not in seen:
                seen.add(real)
                yield one


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _within(folder: Path, recursive: bool) -> Iterator[Found | Left]:
    try:
        inside = sorted(one for one in folder.iterdir() if not one.name.startswith("."))
    except OSError as error:
        yield Left(folder, reason(error), wrong=True)
        return
    for path in inside:
        if not path.is_dir():
            yield _met(path)
        elif recursive and not path.is_symlink():
            yield from _within(path, recursive)
        elif not recursive:
            yield Left(path, "a folder: --recursive goes into it", wrong=False)


def _met(path: Path) -> Found | Left:
    """A file that its folder brought along: passed over where neither its name nor its bytes say image."""
    found = _named(path)
    if isinstance(found, Left) or path.suffix.lower() in IMAGE_SUFFIXES:
        return found
    with path.open("rb") as file:
        return found if sniff(file.read(SNIFFED)) else Left(path, "not an image", wrong=False)


def _named(path: Path) -> Found | Left:
    try:
        size = path.stat().st_size
        if not path.is_file():
            return Left(path, "not a file", wrong=True)
        os.close(os.open(path, os.O_RDONLY))
    except OSError as error:
        return Left(path, reason(error), wrong=True)
    return Found(path, size)


def reason(error: OSError) -> str:
    """What the system says, to stand after a path."""
    return (error.strerror or str(error)).lower()
