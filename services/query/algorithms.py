"""The algorithms that are installed here, and whether they run."""

import asyncio
import sys
from asyncio.subprocess import PIPE
from collections.abc import Collection, Mapping

import msgspec
import orjson
from msgspec.structs import replace

from contracts.algorithms import Descriptor
from contracts.events import TryLater

SECONDS = 30.0
_DESCRIPTORS = msgspec.json.Decoder(tuple[Descriptor, ...])


class Algorithms:
    """`grouped` are those some analyzer of the house runs. What is installed is looked up once, with these settings."""

    def __init__(self, grouped: Collection[str], settings: Mapping[str, str]) -> None:
        self._grouped = grouped
        self._settings = settings
        self._asked: asyncio.Task[tuple[Descriptor, ...]] | None = None

    async def descriptors(self) -> tuple[Descriptor, ...]:
        if self._asked is None or (self._asked.done() and self._asked.exception()):
            self._asked = asyncio.create_task(_installed(self._settings))
        return tuple(map(self._in_its_group, await asyncio.shield(self._asked)))

    def _in_its_group(self, one: Descriptor) -> Descriptor:
        if not one.enabled or one.name in self._grouped:
            return one
        return replace(one, enabled=False, reason="no group of FRAMELOG_ALGORITHM_GROUPS runs it")


async def _installed(settings: Mapping[str, str]) -> tuple[Descriptor, ...]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "services.query.installed", stdin=PIPE, stdout=PIPE
    )
    try:
        async with asyncio.timeout(SECONDS):
            said, _ = await process.communicate(orjson.dumps(settings))
    except TimeoutError:
        process.kill()
        await process.wait()
        raise TryLater("the installed algorithms do not say what they are") from None
    return _DESCRIPTORS.decode(said)
