"""The models that are installed: a folder for each version, never changed once it is there. The newest is used."""

import fcntl
import filecmp
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from services.analyzer.models.card import Model, WrongModel, read

KIND = "classification"
CARD = "card.toml"
_UNFINISHED = ".unfinished"


def versions(models: Path) -> list[int]:
    """Of what is installed, the newest last."""
    folder = models / KIND
    return sorted(int(one.name) for one in folder.iterdir() if one.name.isdecimal()) if folder.is_dir() else []


def newest(models: Path) -> Model | None:
    """Raises WrongModel where it cannot be read: an older one is not taken in its place."""
    installed = versions(models)
    return model_of(models, installed[-1]) if installed else None


def model_of(models: Path, version: int) -> Model:
    return read(models / KIND / str(version) / CARD)


def add(models: Path, model: Model, check: Callable[[Model], None]) -> bool:
    """Copies the model onto the shelf, where it is found whole or not at all; False if just this one is there.

    `check` is shown the copy and may raise. Raises WrongModel where another model has the version, or a newer one.
    """
    with _alone(models / KIND) as folder:
        last = max(versions(models), default=0)
        if model.card.version == last and _same(model, model_of(models, last)):
            return False
        _refuse_older(model, last)
        _check(_copied(model, folder / _UNFINISHED), check, model)
        (folder / _UNFINISHED).rename(folder / str(model.card.version))
        _sync(folder)
        return True


def _check(copy: Model, check: Callable[[Model], None], of: Model) -> None:
    """The copy is what will be used, and the original what its user knows."""
    try:
        check(copy)
    except WrongModel as wrong:
        raise WrongModel(str(wrong).replace(str(copy.folder), str(of.folder))) from None


def _refuse_older(model: Model, last: int) -> None:
    card = model.card
    if card.version <= last:
        raise WrongModel(
            f"{model.folder / model.file}: version = {card.version}, and version {last} is installed; "
            f"facts name their model by its version, so give another model a higher one, as in version = {last + 1}"
        )


@contextmanager
def _alone(folder: Path) -> Iterator[Path]:
    """One at a time; what somebody before has left unfinished goes, and so does what this one leaves."""
    folder.mkdir(parents=True, exist_ok=True)
    lock = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        shutil.rmtree(folder / _UNFINISHED, ignore_errors=True)
        yield folder
    finally:
        shutil.rmtree(folder / _UNFINISHED, ignore_errors=True)
        os.close(lock)


def _copied(model: Model, folder: Path) -> Model:
    folder.mkdir()
    for name, copied in zip(model.files, (CARD, *model.files[1:]), strict=True):
        shutil.copyfile(model.folder / name, folder / copied)
        _sync(folder / copied)
    _sync(folder)
    return read(folder / CARD)


def _same(one: Model, other: Model) -> bool:
    return one.card == other.card and all(
        filecmp.cmp(one.folder / name, other.folder / theirs, shallow=False)
        for name, theirs in zip(one.files, other.files, strict=True)
    )


def _sync(path: Path) -> None:
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
