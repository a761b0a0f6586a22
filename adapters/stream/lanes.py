"""The messages of one partition that are in hand. Pure: which of them may be acknowledged, and what was left out."""

from collections import deque
from collections.abc import Callable


class Skipped(Exception):
    """The stream went past records that it never handed over. Reading on would commit past them."""


class Held:
    """One message in hand. `ack` is called once, when it and all before it are finished."""

    __slots__ = ("ack", "finished", "offset")

    def __init__(self, offset: int, ack: Callable[[], object]) -> None:
        self.offset = offset
        self.ack = ack
        self.finished = False


class Lane:
    """One assigned partition, read from the offset `begins` on. Offsets have no gaps: nothing is ever deleted.

    Only a finished head is acknowledged, so acknowledgements go in offset order and never pass unfinished work.
    `position` is the offset that may be committed: where a successor has to go on. It has `moved` once one is finished.
    """

    def __init__(self, begins: int) -> None:
        self.position = begins
        self.moved = False
        self._due: int | None = None
        self._held: deque[Held] = deque()

    @property
    def busy(self) -> bool:
        return bool(self._held)

    def take(self, offset: int, ack: Callable[[], object]) -> Held | None:
        """The message as one to work on; None if it is or was in hand already. Raises Skipped for a gap."""
        if self._due is not None and offset < self._due:
            return None
        due = self.position if self._due is None else self._due
        if offset > due:
            raise Skipped(f"offset {offset} came where {due} was due")
        held = Held(offset, ack)
        self._held.append(held)
        self._due = offset + 1
        return held

    def finish(self, held: Held) -> None:
        held.finished = True
        while self._held and self._held[0].finished:
            head = self._held.popleft()
            self.position, self.moved = head.offset + 1, True
            head.ack()

    def close(self) -> None:
        """The partition is another's now: nothing of it is acknowledged any more."""
        self._held.clear()
