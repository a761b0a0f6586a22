"""Why the one-machine stack does not start. Standard library only: the first step of a fresh clone raises it too."""


class CannotStart(Exception):
    """What stands in the way, one line each with its remedy. `exit_code`: 2 wrong use, 3 something else is down."""

    def __init__(self, *lines: str, exit_code: int = 3) -> None:
        super().__init__("\n".join(lines))
        self.exit_code = exit_code
