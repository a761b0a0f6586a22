"""`framelog keys`: the secret keys of the house."""

from enum import StrEnum
from typing import Annotated

import typer

from adapters import keys as ring
from cli.errors import WRONG_USE, Failed
from services.settings import Api


class Action(StrEnum):
    ROTATE = "rotate"


def keys(
    action: Annotated[Action, typer.Argument(help="`rotate`: sign and seal with new keys from the next start on.")],
) -> None:
    """Add new keys to keys.json. What older ones have signed and sealed stays good.

    Examples:
      framelog keys rotate
    """
    settings = Api.read()
    path = settings.keys or settings.home / ring.FILE
    try:
        ring.rotate(path)
    except ring.NoKeys as error:
        raise Failed(f"{error}; the first start makes it, FRAMELOG_KEYS says where it is", WRONG_USE) from None
    print(f"{action} done: start the services again, and back {path} up with the log")
