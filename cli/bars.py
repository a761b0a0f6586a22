"""What every bar of the command line has in common."""

from typing import Self

from rich.progress import Progress


class Barred:
    """A context: its bar is there while it is open."""

    _bar: Progress

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()
