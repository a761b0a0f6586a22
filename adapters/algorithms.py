"""The algorithms that are installed here, and whether they run."""

import asyncio
import math
import sys
from asyncio.subprocess import PIPE
from collections.abc import Collection, Mapping

import jsonschema_rs
import msgspec
import orjson
from msgspec.structs import replace

from contracts.algorithms import Descriptor
from contracts.events import Json, Params, TryLater
from contracts.images import Wanted
from contracts.problems import FieldError, Problem, invalid

SECONDS = 30.0
MOST_ERRORS, MOST_SAID = 20, 300
DEEPEST = 16
"""How far params may be nested: nothing reads more, and parsers give up somewhere."""
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

    async def checked(self, name: str, params: Params) -> Wanted:
        """What a request asks for. Raises the Problems `invalid-request`, `algorithm-disabled`, `invalid-params`."""
        installed = await self.descriptors()
        found = next((one for one in installed if one.name == name), None)
        if found is None:
            known = ", ".join(one.name for one in installed)
            raise invalid(FieldError(pointer="/algorithm", detail=f"there is no {name[:100]}; there are {known}"))
        if not found.enabled:
            raise Problem("algorithm-disabled", f"{name} does not run: {found.reason}")
        if reason := _unsayable(params):
            raise Problem("invalid-params", f"{name}: {reason}", errors=(FieldError(pointer="/params", detail=reason),))
        wrong = list(jsonschema_rs.Draft202012Validator(dict(found.params_schema)).iter_errors(params))
        if wrong:
            found_wrong = tuple(map(_error, wrong[:MOST_ERRORS]))
            raise Problem("invalid-params", f"{name}: {found_wrong[0].detail}", errors=found_wrong)
        return Wanted(algorithm=name, params=params)

    async def without_params(self) -> frozenset[str]:
        """The names of those that run and that can be asked for without params."""
        found = await self.descriptors()
        return frozenset(one.name for one in found if one.enabled and not one.params_schema.get("required"))

    def _in_its_group(self, one: Descriptor) -> Descriptor:
        if not one.enabled or one.name in self._grouped:
            return one
        return replace(one, enabled=False, reason="no group of FRAMELOG_ALGORITHM_GROUPS runs it")


def _unsayable(value: Json, deep: int = 0) -> str | None:
    """Why no event can hold these params, whatever their schema says; None if one can."""
    if deep > DEEPEST:
        return f"nested deeper than {DEEPEST}"
    if isinstance(value, dict):
        return next(filter(None, (_unsayable(one, deep + 1) for pair in value.items() for one in pair)), None)
    if isinstance(value, list):
        return next(filter(None, (_unsayable(one, deep + 1) for one in value)), None)
    if isinstance(value, str) and any(one == "\0" or "\ud800" <= one <= "\udfff" for one in value):
        return "text holds U+0000 or half a character"
    return "a number is not finite" if isinstance(value, float) and not math.isfinite(value) else None


def _error(wrong: jsonschema_rs.ValidationError) -> FieldError:
    """What it says repeats what the client sent, however long that is."""
    where = "".join(f"/{part}" for part in ("params", *wrong.instance_path))
    return FieldError(pointer=where, detail=wrong.message[:MOST_SAID])


async def _installed(settings: Mapping[str, str]) -> tuple[Descriptor, ...]:
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "adapters.installed", stdin=PIPE, stdout=PIPE)
    try:
        async with asyncio.timeout(SECONDS):
            said, _ = await process.communicate(orjson.dumps(settings))
    except TimeoutError:
        process.kill()
        await process.wait()
        raise TryLater("the installed algorithms do not say what they are") from None
    return _DESCRIPTORS.decode(said)
