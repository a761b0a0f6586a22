"""How a command fails: one line on stderr, with the remedy, and an exit code."""

import sys

FOUND_A_DIFFERENCE = 1
WRONG_USE = 2
SOMETHING_IS_DOWN = 3
INTERRUPTED = 130


class Failed(Exception):
    """The line says what is wrong and what to do about it. Exit codes: 1 some items failed, 2 wrong use, 3 down."""

    def __init__(self, line: str, exit_code: int = FOUND_A_DIFFERENCE) -> None:
        super().__init__(line)
        self.exit_code = exit_code


def report(lines: str) -> None:
    for line in lines.splitlines():
        print(f"framelog: {line}", file=sys.stderr)
