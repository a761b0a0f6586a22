"""What an event says, in a few words: what it changed, what was found, why it was refused."""

from collections.abc import Iterator
from typing import Any

from contracts.events import Json

LONGEST = 40  # characters of a changed value


def what(event: dict[str, Json]) -> str:
    """Of an item of a history or of the account's events."""
    if not event["accepted"]:
        return f"refused: {event['reason']}"
    changes, details = event.get("changes") or {}, event["details"]
    return "; ".join((*_said(details, bool(changes)), *_changes(changes)))


def _said(details: dict[str, Any], changes: bool) -> Iterator[str]:
    if "reverts_to" in details:
        yield f"back to version {details['reverts_to']}"
    if (algorithms := details.get("algorithms")) and not changes:
        yield ", ".join(f"{name} {version}" if version else name for name, version in algorithms.items())
    for failure in details.get("failures", ()):
        yield f"{failure.get('algorithm', 'download')} failed: {failure['detail']}"
    for name in ("post", "account"):
        if name in details:
            yield f"{name} {details[name]}"


def _changes(changes: dict[str, Any]) -> Iterator[str]:
    for field, (before, after) in changes.items():
        yield f"{field}: {_short(after)}" if before is None else f"{field}: {_short(before)} → {_short(after)}"


def _short(value: Json) -> str:
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
