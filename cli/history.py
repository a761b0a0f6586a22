"""`framelog history`: every event of one image, accepted or not."""

from collections.abc import Iterator
from typing import Any

from cli.asking import asking
from cli.options import AsJson, ImageId, Url
from cli.output import json_line, table
from contracts.events import Json

COLUMNS = ("event", "time", "type", "actor", "version", "changes")
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
        table(COLUMNS, [_row(event) for event in events])


def _row(event: dict[str, Json]) -> tuple[str, ...]:
    what = "; ".join(_changes(event["changes"] or {})) if event["accepted"] else f"refused: {event['reason']}"
    version = "" if event["version"] is None else str(event["version"])
    return event["event_id"], event["time"], event["type"], event["actor"] or "", version, what


def _changes(changes: dict[str, Any]) -> Iterator[str]:
    for field, (before, after) in changes.items():
        yield f"{field}: {_short(after)}" if before is None else f"{field}: {_short(before)} → {_short(after)}"


def _short(value: Json) -> str:
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
