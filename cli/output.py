"""What commands print: tables and colours to a terminal, tab-separated or JSON lines to everything else."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from contracts.events import Json

WIDE = 110  # characters
GAP = 2  # between two columns
NARROWEST = 8  # that a last column is folded to
ENDLESS = 1000  # where there is no terminal that would cut a line


def console(stderr: bool = False) -> Console:
    """A console of the streams as they are now."""
    made = Console(stderr=stderr, highlight=False, markup=False, emoji=False)
    if not made.is_terminal:
        made.width = ENDLESS
    return made


def json_line(value: Any) -> None:
    print(orjson.dumps(value).decode(), flush=True)


@dataclass(frozen=True, slots=True)
class Column:
    """A column of items' cells. `spare`: left out where the terminal is narrow."""

    head: str
    cell: Callable[[dict[str, Json]], str]
    spare: bool = False


def listing(columns: Sequence[Column], items: Sequence[dict[str, Json]]) -> None:
    shown = [column for column in columns if console().width >= WIDE or not column.spare]
    table([column.head for column in shown], [[column.cell(item) for column in shown] for item in items])


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table on a terminal, of which the last column alone is folded; else a line per row, tab-separated, no heads."""
    out = console()
    rows = [[printable(cell) for cell in row] for row in rows]
    if not out.is_terminal:
        for row in rows:
            print("\t".join(row))
    elif rows:
        out.print(_drawn(heads, rows, out.width))


def grid(rows: Sequence[Sequence[Text]]) -> None:
    """Names and values in columns on a terminal, what repeats in the first left out; else tab-separated."""
    out = console()
    if not out.is_terminal:
        for row in rows:
            print("\t".join(cell.plain for cell in row))
    elif rows:
        drawn = Table.grid(padding=(0, 2))
        for _ in rows[0][:-1]:
            drawn.add_column(no_wrap=True)
        drawn.add_column(overflow="fold")
        before = ""
        for first, *rest in rows:
            drawn.add_row("" if first.plain == before else first, *rest)
            before = first.plain
        out.print(drawn)


def _drawn(heads: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> Table:
    drawn = Table(box=None, header_style="dim", pad_edge=False, padding=(0, GAP, 0, 0))
    for place, head in enumerate(heads[:-1]):
        longest = max(cell_len(cell) for cell in (head, *(row[place] for row in rows)))
        drawn.add_column(head, no_wrap=True, width=longest)
        width -= longest + GAP
    drawn.add_column(heads[-1], overflow="fold", max_width=max(width, NARROWEST))
    for row in rows:
        drawn.add_row(*row)
    return drawn


def minute(time: str | None) -> str:
    """`2024-05-06 07:08` of a time in RFC 3339 and UTC."""
    return time[:16].replace("T", " ") if time else ""


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
