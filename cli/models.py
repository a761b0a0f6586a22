"""`framelog models`: what the algorithms that run a model are made of."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from cli.errors import WRONG_USE, Failed
from cli.options import AsJson
from cli.output import Column, json_line, listing
from contracts.events import Json
from services.analyzer.algorithms.classification import fact_version
from services.analyzer.models import shelf
from services.analyzer.models.card import Model, WrongModel, card_of, read
from services.analyzer.models.check import check
from services.settings import MODELLED, Infer

COLUMNS = (
    Column("version", lambda one: str(one["version"])),
    Column("name", lambda one: one["name"]),
    Column("used", lambda one: "yes" if one["used"] else "no"),
    Column("facts", lambda one: f"version {one['fact_version']}"),
    Column("input", lambda one: one["input"], spare=True),
    Column("labels", lambda one: str(one["labels"]), spare=True),
    Column("path", lambda one: one["path"]),
)


class Action(StrEnum):
    ADD = "add"
    LIST = "list"


def models(
    action: Annotated[Action, typer.Argument(help="`add`: check a model and install a copy. `list`: those installed.")],
    path: Annotated[
        Path | None, typer.Argument(help="To add: a model card (.toml), its network (.onnx), or the folder of both.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check and install a model for the algorithm `classification`, or list the installed ones.

    A model is an ONNX network and a card that says what it takes and answers: docs/classification.md shows one.
    It is loaded and tried with a decoder's memory and time before it is installed under FRAMELOG_MODELS.

    Examples:
      framelog models add Downloads/mobilenetv2
      framelog models add Downloads/mobilenetv2/mobilenetv2.toml
      framelog models list
    """
    settings = Infer.read()
    try:
        if action is Action.ADD:
            _add(settings, path, as_json)
        else:
            _list(settings.shelf, path, as_json)
    except WrongModel as wrong:
        raise Failed(str(wrong)) from None
    except OSError as error:
        raise Failed(f"{error.filename or settings.shelf}: {error.strerror or error}; see FRAMELOG_MODELS") from None


def _add(settings: Infer, path: Path | None, as_json: bool) -> None:
    if path is None:
        raise Failed("say which model: `framelog models add PATH`", WRONG_USE)
    if not path.exists():
        raise Failed(f"{path}: there is no such file or folder", WRONG_USE)
    model = read(card_of(path))
    added = shelf.add(settings.shelf, model, lambda copy: _tried(copy, settings))
    if as_json:
        json_line({"added": added, **_said(shelf.model_of(settings.shelf, model.card.version), used=True)})
        return
    print(f"{'added' if added else 'present'} {model.card.name} {model.card.version}, {len(model.labels)} labels")
    if added:
        print("The analyzers and the API use it from their next start on: stop the stack, and start it again.")


def _tried(copy: Model, settings: Infer) -> None:
    check(copy, settings.memory(MODELLED), settings.decode_seconds, settings.onnx_providers)


def _list(folder: Path, path: Path | None, as_json: bool) -> None:
    if path is not None:
        raise Failed("`framelog models list` takes no path; FRAMELOG_MODELS says which folder", WRONG_USE)
    versions = shelf.versions(folder)
    items = [_said(shelf.model_of(folder, version), version == versions[-1]) for version in versions]
    if as_json:
        for one in items:
            json_line(one)
    elif items:
        listing(COLUMNS, items)
    else:
        print(f"no model is installed in {folder}: `framelog models add PATH` installs one")


def _said(model: Model, used: bool) -> dict[str, Json]:
    card = model.card
    return {
        "version": card.version,
        "name": card.name,
        "used": used,
        "fact_version": str(fact_version(card.version)),
        "input": f"{card.input.width} × {card.input.height} {card.input.layout} {card.input.colors}",
        "labels": len(model.labels),
        "path": str(model.folder),
    }
