"""`framelog verify --objects`: a line for each object that is not as it should be, and what is to be done about it."""

from collections import Counter
from datetime import UTC, datetime, timedelta

from cli.bucket import Walking, looking
from cli.output import bytes_in_words, console, json_line, printable
from contracts.events import Json
from services.projector.objects import Finding, check
from services.projector.orphans import Sweep, remember
from services.projector.quarantine import Orphan
from services.settings import Projector

REMEDIES = {
    "missing": "restore it from a replica or a backup of the bucket; an original also by uploading the same file again",
    "size": "the same: nobody is served it, and an upload of the same file writes it anew",
    "sha256": "the same: nobody is served it, and an upload of the same file writes it anew",
    "unreadable": "the store cannot read its own disk: heal or replace it, then as for a missing one",
    "quarantined": "`framelog orphans --restore KEY` brings it back; reads find it where it is",
    "orphan": "nothing names it: `framelog orphans --quarantine` puts it aside",
}


async def check_objects(settings: Projector, deep: bool, older_than: timedelta, as_json: bool) -> bool:
    """Whether all is as it should be. Raises NothingServed, Lagging, TryLater."""
    before = datetime.now(UTC) - older_than
    async with looking(settings) as (look, objects):
        with Walking(as_json) as bar:
            told = Told(bar, as_json)
            async for row, finding in check(look, objects, deep):
                bar.past(row.key)
                told.row(row.size, finding)
            async for orphan in Sweep(look, objects, before).orphans():
                told.orphan(orphan)
    await remember(settings.postgres, told.counts["orphan"])
    told.end()
    return not told.counts


class Told:
    """What was found is told as it is found, and counted."""

    def __init__(self, bar: Walking, as_json: bool) -> None:
        self.counts: Counter[str] = Counter()
        self._bar = bar
        self._json = as_json
        self._rows = self._bytes = 0

    def row(self, size: int, finding: Finding | None) -> None:
        self._rows += 1
        self._bytes += size
        if finding:
            self._say(finding.what, finding.key, finding.expected, finding.found, finding.image)

    def orphan(self, one: Orphan) -> None:
        self._say("orphan", one.key, None, one.size, None)

    def end(self) -> None:
        if self._json:
            json_line({"objects": self._rows, "bytes": self._bytes, "findings": self.counts, "equal": not self.counts})
            return
        err = console(stderr=True)
        for what in self.counts:
            err.print(f"{what}: {REMEDIES[what]}", soft_wrap=True)
        found = ", ".join(f"{count:,} {what}" for what, count in self.counts.items()) or "all as their rows say"
        err.print(f"{self._rows:,} objects ({bytes_in_words(self._bytes)}): {found}")

    def _say(self, what: str, key: str, expected: Json, found: Json, image: str | None) -> None:
        self.counts[what] += 1
        if self._json:
            json_line({"finding": what, "key": key, "expected": expected, "found": found, "image": image})
        else:
            words = f"expected {_word(expected)}, found {_word(found)}" + (f"  (image {image})" if image else "")
            self._bar.say(f"{what:11}  {printable(key)}  {words}")


def _word(value: Json) -> str:
    return "nothing" if value is None else f"{value:,} bytes" if isinstance(value, int) else str(value)
