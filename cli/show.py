"""`framelog show`: all that Framelog knows of one image."""

from uuid import UUID

from cli.asking import asking
from cli.client import Client
from cli.described import Words
from cli.options import AsJson, ImageId, Url
from cli.output import console, grid, json_line
from cli.pictures import can_draw, draw
from contracts.events import Json

DRAWN = "small"
NOTHING: dict[str, Json] = {"results": {}, "failures": []}


def show(image_id: ImageId, as_json: AsJson = False, url: Url = None) -> None:
    """Show what Framelog knows of an image: its data and what each algorithm found.

    A terminal that draws pictures (kitty, sixel) shows the image too, any other with colours a coarse one.

    Examples:
      framelog show 5f0c2a54-4c0e-5f61-9d53-0d2f5a7b6c11
      framelog show 5f0c2a54-4c0e-5f61-9d53-0d2f5a7b6c11 --json | jq .analysis.results.exif.result
    """
    screen = console()
    image, picture = asking(url, lambda client: _look(client, image_id, drawn=not as_json and can_draw(screen)))
    if as_json:
        return json_line(image)
    if picture:
        draw(screen, picture)
    words = Words(coloured=screen.color_system is not None)
    grid(list(words.own(image)))
    grid(list(words.found(image.get("analysis", NOTHING))))
    return None


async def _look(client: Client, image_id: UUID, drawn: bool) -> tuple[dict[str, Json], bytes | None]:
    image = await client.get(f"/v1/images/{image_id}")
    rendition = next((one["url"] for one in image["renditions"] if one["name"] == DRAWN), None)
    return image, await client.bytes(rendition) if rendition and drawn else None
