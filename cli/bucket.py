"""What `verify --objects` and `orphans` share: the bucket, one look at what the log names, and how far it is."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from adapters.log import Names
from adapters.objects import Objects
from cli.bars import Barred
from cli.output import console
from contracts import ids
from services.projector.naming import Look, look
from services.projector.source import Log
from services.settings import Projector

HASHES = 0x10000  # hashes are spread evenly: how far the first 16 bits have come is how far all of it is


@asynccontextmanager
async def looking(settings: Projector) -> AsyncIterator[tuple[Look, Objects]]:
    """Raises NothingServed, Lagging, TryLater."""
    log = Log(settings.kafka, Names(settings.topic_prefix))
    async with bucket(settings) as objects, look(settings.postgres, log) as found:
        yield found, objects


@asynccontextmanager
async def bucket(settings: Projector) -> AsyncIterator[Objects]:
    """Raises TryLater."""
    keys = settings.s3_access_key, settings.s3_secret_key
    async with Objects(settings.s3, *keys, settings.s3_bucket, settings.s3_region) as objects:
        await objects.ready()
        yield objects


class Walking(Barred):
    """A context: on a terminal a bar is there while it is open. It is walked through in the order of keys."""

    def __init__(self, as_json: bool) -> None:
        self._out, screen = console(), console(stderr=True)
        if self._out.is_terminal and screen.is_terminal:
            screen = self._out  # one screen: the bar must know of every line
        self._bar = Progress(
            TextColumn("{task.description:9}"),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.fields[objects]:,} objects"),
            TimeRemainingColumn(),
            console=screen,
            disable=as_json or not screen.is_terminal,
            transient=True,
        )
        self.objects = 0
        self._prefix = ""

    def say(self, line: str) -> None:
        self._out.print(line, soft_wrap=True)

    def past(self, key: str) -> None:
        """One more object has been dealt with."""
        prefix = key.partition("/")[0]
        if prefix != self._prefix:
            self._prefix = prefix
            self._task = self._bar.add_task(prefix, total=HASHES, objects=0)
        self.objects += 1
        done = int((ids.picture_of(key) or "0")[:4], 16)
        self._bar.update(self._task, completed=done, objects=self.objects)
