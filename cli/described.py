"""An image in words: rows of its own data, and rows of what each algorithm found."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from rich.text import Text

from cli.output import bytes_in_words, printable
from cli.pictures import palette, swatch
from contracts.events import Json

STATUS_COLOURS = {"completed": "green", "partial": "yellow", "failed": "red"}
OWN = ("title", "description", "tags", "visibility", "origin", "owner", "version", "created_at", "updated_at")
_COLOR = re.compile("#[0-9a-f]{6}")

Row = tuple[Text, ...]


@dataclass(frozen=True, slots=True)
class Words:
    """`coloured`: colours can be shown, and need not be spelt out."""

    coloured: bool

    def own(self, image: dict[str, Json]) -> Iterator[Row]:
        """Name and value of what the image is. Another's public image has less of it."""
        yield Text("id"), Text(image["id"], "bold")
        if "filename" in image:
            yield Text("file"), Text(printable(image["filename"]))
            yield Text("bytes"), Text(f"{bytes_in_words(image['size'])}, {image['media_type']}")
            yield Text("sha256"), Text(image["sha256"])
        yield Text("pixels"), Text(f"{image['width']}×{image['height']}")
        for name in OWN:
            if image.get(name) not in (None, []):
                yield worded(name), self.value(image[name])
        renditions = [f"{one['name']} {one['width']}×{one['height']}" for one in image["renditions"]]
        if renditions:
            yield Text("renditions"), Text(", ".join(renditions))
        if "analysis" in image:
            status = image["analysis"]["status"]
            yield Text("analysis"), Text(status, STATUS_COLOURS.get(status, "yellow"))

    def found(self, analysis: dict[str, Json]) -> Iterator[Row]:
        """Algorithm with its version, name and value of what it found; or why it found nothing."""
        for algorithm, one in analysis["results"].items():
            for name, value in one["result"].items():
                if value not in (None, []):
                    yield Text(f"{algorithm} {one['algorithm_version']}", "green"), worded(name), self.value(value)
        for one in analysis["failures"]:
            yield Text(one["algorithm"], "red"), Text("failed"), Text(printable(str(one["detail"])))

    def value(self, found: Json) -> Text:
        match found:
            case str() if self.coloured and _COLOR.fullmatch(found):
                return swatch(found)
            case [{"color": _, "share": _}, *_] if self.coloured:
                return palette((one["color"], one["share"]) for one in found)
            case list():
                return Text(", ").join(self.value(one) for one in found)
            case dict():
                return Text(", ").join(self._named(name, one) for name, one in found.items() if one is not None)
            case bool():
                return Text("yes" if found else "no")
            case float():
                return Text(f"{found:g}")
            case _:
                return Text(printable(str(found)))

    def _named(self, name: str, found: Any) -> Text:
        return worded(name).append(" ").append(self.value(found))


def worded(name: str) -> Text:
    return Text(printable(name.replace("_", " ")))
