"""`framelog history`: every event of one image, accepted or not."""

from uuid import UUID

from cli.asking import asking
from cli.client import Client
from cli.options import AsJson, ImageId, Url
from cli.output import Column, json_line, listing, minute
from cli.told import what
from contracts.events import Json


def history(image_id: ImageId, as_json: AsJson = False, url: Url = None) -> None:
    """List every event of an image, oldest first: what was asked, by whom, and what it changed.

    What was refused is there too, with the reason; so is what each version of which algorithm found.

    Examples:
      framelog history 5f0c2a54-4c0e-5f61-9d53-0d2f5a7b6c11
      framelog history 5f0c2a54-4c0e-5f61-9d53-0d2f5a7b6c11 --json | jq 'select(.accepted | not)'
    """
    events = asking(url, lambda client: _every(client, image_id))
    if as_json:
        for event in events:
            json_line(event)
    else:
        listing(COLUMNS, events)


async def _every(client: Client, image_id: UUID) -> list[dict[str, Json]]:
    return [one async for one in client.items(f"/v1/images/{image_id}/history", {}, None)]


COLUMNS = (
    Column("event", lambda event: str(event["event_id"]), spare=True),
    Column("time", lambda event: minute(event["time"])),
    Column("type", lambda event: event["type"].removeprefix("framelog.")),
    Column("by", lambda event: event["actor"] or ""),
    Column("version", lambda event: str(event["version"] or "")),
    Column("what", what),
)
