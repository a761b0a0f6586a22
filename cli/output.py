"""What commands print: tables and colours to a terminal, tab-separated or JSON lines to everything else."""

from collections.abc import Iterable, Sequence
from typing import Any

import orjson
from rich.console import Console
from rich.table import Table

WIDE = 200  # columns where there is no terminal to ask


def console(stderr: bool = False) -> Console:
    """A console of the streams as they are now."""
    made = Console(stderr=stderr, highlight=False, markup=False, emoji=False)
    return made if made.is_terminal else Console(stderr=stderr, highlight=False, markup=False, emoji=False, width=WIDE)


def json_line(value: Any) -> None:
    print(orjson.dumps(value).decode(), flush=True)


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """A table on a terminal, its first column never cut; else one line per row, tab-separated and without a head."""
    out, rows = console(), [[printable(cell) for cell in row] for row in rows]
    if not out.is_terminal:
        for row in rows:
            print("\t".join(row))
        return
    drawn = Table(*columns[:0], box=None, header_style="bold", pad_edge=False)
    for place, column in enumerate(columns):
        drawn.add_column(column, no_wrap=True, min_width=longest(rows, 0) if place == 0 else None)
    for row in rows:
        drawn.add_row(*row)
    out.print(drawn)


def longest(rows: Sequence[Sequence[str]], column: int) -> int:
    return max((len(row[column]) for row in rows), default=0)


def printable(text: str) -> str:
    """`text` without what a terminal would obey: it was written by whoever named the file."""
    return "".join(one if one.isprintable() else "�" for one in text)


def bytes_in_words(count: float) -> str:
    """`3.4 MB`, in powers of ten."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" or count >= 100 else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"
