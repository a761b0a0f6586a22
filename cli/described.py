"""An image as `framelog show` prints it: its own data, then a table of what each algorithm found."""

import re
from collections.abc import Iterator
from typing import Any

from rich.table import Table
from rich.text import Text

from cli.output import bytes_in_words, printable
from cli.pictures import palette, swatch
from contracts.events import Json

STATUS_COLOURS = {"completed": "green", "partial": "yellow", "failed": "red"}
OWN = ("title", "description", "tags", "visibility", "origin", "owner", "version", "created_at", "updated_at")
_COLOR = re.compile("#[0-9a-f]{6}")


def own(image: dict[str, Json]) -> Table:
    """What the image is, apart from what was found in it."""
    drawn = Table.grid(padding=(0, 2))
    drawn.add_column(style="dim")
    drawn.add_column(overflow="fold")
    drawn.add_row("id", Text(image["id"], "bold"))
    if "filename" in image:
        drawn.add_row("file", f"{printable(image['filename'])}  {image['media_type']}  {bytes_in_words(image['size'])}")
        drawn.add_row("sha256", image["sha256"])
    drawn.add_row("pixels", f"{image['width']} × {image['height']}")
    for name in OWN:
        if image.get(name) not in (None, []):
            drawn.add_row(worded(name), value(image[name]))
    for one in image["renditions"]:
        drawn.add_row(one["name"], f"{one['width']} × {one['height']}  {bytes_in_words(one['size'])}  {one['url']}")
    if "analysis" in image:
        status = image["analysis"]["status"]
        drawn.add_row("analysis", Text(status, STATUS_COLOURS.get(status, "yellow")))
    return drawn


def found(analysis: dict[str, Json]) -> Table:
    """One block of rows per algorithm: what it found, or why it found nothing."""
    drawn = Table("algorithm", "", "", box=None, header_style="dim", pad_edge=False, show_header=False)
    drawn.columns[2].overflow = "fold"
    for algorithm, one in analysis["results"].items():
        name = Text.assemble((algorithm, "green"), f" {one['algorithm_version']}")
        for place, (field, shown) in enumerate(_fields(one["result"])):
            drawn.add_row("" if place else name, Text(worded(field), "dim"), shown)
    for one in analysis["failures"]:
        drawn.add_row(Text(one["algorithm"], "red"), Text("failed", "dim"), printable(str(one["detail"])))
    return drawn


def value(found: Json) -> Text:
    """A result's value in words: a colour with its swatch, a palette as blocks."""
    match found:
        case str() if _COLOR.fullmatch(found):
            return swatch(found)
        case [{"color": _, "share": _}, *_]:
            return palette((one["color"], one["share"]) for one in found)
        case list():
            return Text(", ").join(value(one) for one in found)
        case dict():
            return Text(", ").join(Text(f"{worded(name)} ").append(value(one)) for name, one in found.items())
        case bool():
            return Text("yes" if found else "no")
        case float():
            return Text(f"{found:g}")
        case _:
            return Text(printable(str(found)))


def worded(name: str) -> str:
    return printable(name.replace("_", " "))


def _fields(result: dict[str, Any]) -> Iterator[tuple[str, Text]]:
    known = {name: one for name, one in result.items() if one is not None and one != []}
    if not known:
        yield "", Text("nothing", "dim")
    for name, one in known.items():
        yield name, value(one)
