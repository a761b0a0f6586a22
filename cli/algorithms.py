"""`framelog algorithms`: what is run on every image, and what is off."""

from cli.asking import asking
from cli.options import AsJson, Url
from cli.output import Column, json_line, listing

COLUMNS = (
    Column("algorithm", lambda one: str(one["name"])),
    Column("version", lambda one: str(one["version"] or "")),
    Column("current", lambda one: str(one["current_version"] or "")),
    Column("enabled", lambda one: "yes" if one["enabled"] else "no"),
    Column("description", lambda one: one["reason"] or one["description"]),
)


def algorithms(as_json: AsJson = False, url: Url = None) -> None:
    """List the algorithms, which version runs and which one speaks, and why one is off.

    With --json also the JSON Schemas of their params and results.

    Examples:
      framelog algorithms
      framelog algorithms --json | jq 'select(.name == "exif") | .result_schema'
    """
    items = asking(url, lambda client: client.get("/v1/algorithms"))["items"]
    if as_json:
        for one in items:
            json_line(one)
    else:
        listing(COLUMNS, items)
