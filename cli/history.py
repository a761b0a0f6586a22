"""`framelog history`: every event of one image, accepted or not."""

from collections.abc import Iterator
from typing import Any

from cli.asking import asking
from cli.options import AsJson, ImageId, Url
from cli.output import Column, json_line, listing, minute
from contracts.events import Json

LONGEST = 40  # characters of a changed value


def history(image_id: ImageId, as_json: AsJson = False, url: Url = None) -> None:
    """List every event of an image, oldest first: what was asked, by whom, and what it changed.

    What was refused is there too, with the reason.

    Examples:
      framelog history 5f0c2a54-4c0e-5f61-9d53-0d2f5a7b6c11
      framelog history 5f0c2a54-4c0e-5f61-9d53-0d2f5a7b6c11 --json | jq 'select(.accepted | not)'
    """
    events = asking(url, lambda client: client.get(f"/v1/images/{image_id}/history"))["items"]
    if as_json:
        for event in events:
            json_line(event)
    else:
        listing(COLUMNS, events)


def _what(event: dict[str, Json]) -> str:
    return "; ".join(_changes(event["changes"] or {})) if event["accepted"] else f"refused: {event['reason']}"


def _changes(changes: dict[str, Any]) -> Iterator[str]:
    for field, (before, after) in changes.items():
        yield f"{field}: {_short(after)}" if before is None else f"{field}: {_short(before)} → {_short(after)}"


def _short(value: Json) -> str:
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


COLUMNS = (
    Column("event", lambda event: str(event["event_id"]), spare=True),
    Column("time", lambda event: minute(event["time"])),
    Column("type", lambda event: event["type"].removeprefix("framelog.")),
    Column("by", lambda event: event["actor"] or ""),
    Column("version", lambda event: str(event["version"] or "")),
    Column("what", _what),
)
