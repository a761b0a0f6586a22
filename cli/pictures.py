"""A picture in the terminal: as pixels where it draws them (kitty, sixel), else as coloured half-blocks."""

import logging
import os
import sys
from collections.abc import Iterable
from io import BytesIO

from rich.console import Console
from rich.text import Text

HIGHEST = 18  # lines of text
PALETTE = 40  # characters


def can_draw(screen: Console) -> bool:
    """Only a terminal with colours that is asked on stdout how it draws, and answers on stdin."""
    terminals = sys.stdin.isatty() and sys.stdout.isatty() and screen.is_terminal
    return terminals and screen.color_system is not None and os.get_terminal_size().columns > 0


def draw(screen: Console, encoded: bytes) -> None:
    """An encoded image, as large as fits. Call it only where `can_draw`."""
    logging.getLogger("textual_image").setLevel(logging.ERROR)
    from textual_image.renderable import Image  # importing it asks the terminal what it can do

    screen.print(Image(BytesIO(encoded), width="auto", height="auto"), height=HIGHEST)


def palette(colors: Iterable[tuple[str, float]]) -> Text:
    """Colours (`#rrggbb`) as blocks, each as wide as its share of the whole."""
    drawn = Text()
    for color, share in colors:
        drawn.append(" " * max(1, round(share * PALETTE)), style=f"on {color}")
    return drawn


def swatch(color: str) -> Text:
    return Text.assemble(("  ", f"on {color}"), f" {color}")
