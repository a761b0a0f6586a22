"""The algorithms that are installed here, and whether they run."""

import asyncio
import sys
from asyncio.subprocess import PIPE
from collections.abc import Collection, Mapping

import jsonschema_rs
import msgspec
import orjson
from msgspec.structs import replace

from contracts.algorithms import Descriptor
from contracts.events import Params, TryLater
from contracts.images import Wanted
from contracts.problems import FieldError, Problem, invalid

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

    async def checked(self, name: str, params: Params) -> Wanted:
        """What a request asks for. Raises the Problems `invalid-request`, `algorithm-disabled`, `invalid-params`."""
        installed = await self.descriptors()
        found = next((one for one in installed if one.name == name), None)
        if found is None:
            known = ", ".join(one.name for one in installed)
            raise invalid(FieldError(pointer="/algorithm", detail=f"there is no {name[:100]}; there are {known}"))
        if not found.enabled:
            raise Problem("algorithm-disabled", f"{name} does not run: {found.reason}")
        wrong = list(jsonschema_rs.Draft202012Validator(dict(found.params_schema)).iter_errors(params))
        if wrong:
            raise Problem("invalid-params", f"{name}: {wrong[0].message}", errors=tuple(map(_error, wrong)))
        return Wanted(algorithm=name, params=params)

    async def without_params(self) -> frozenset[str]:
        """The names of those that run and that can be asked for without params."""
        found = await self.descriptors()
        return frozenset(one.name for one in found if one.enabled and not one.params_schema.get("required"))

    def _in_its_group(self, one: Descriptor) -> Descriptor:
        if not one.enabled or one.name in self._grouped:
            return one
        return replace(one, enabled=False, reason="no group of FRAMELOG_ALGORITHM_GROUPS runs it")


def _error(wrong: jsonschema_rs.ValidationError) -> FieldError:
    return FieldError(pointer="".join(f"/{part}" for part in ("params", *wrong.instance_path)), detail=wrong.message)


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
