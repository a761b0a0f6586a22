"""What the log says of an aggregate, and where it says so."""

from typing import Generic, TypeVar

from msgspec import Struct

from contracts.events import Position

S = TypeVar("S")


class Placed(Struct, Generic[S], frozen=True):
    """A state, and the position of the event that made it so."""

    state: S
    position: Position
