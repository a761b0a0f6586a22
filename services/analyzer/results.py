"""What was found before, by content: the same bytes are never decoded twice for the same algorithm and version.

Results with the house's own params lie together in one object per group, any other result in one of its own. Two
writers at the same moment may lose a result, which costs a recompute and no more. No failure is ever kept.
"""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Self

import msgspec
import orjson

from adapters import stored
from adapters.objects import ObjectMissing, Objects
from adapters.stored import Damaged
from contracts import ids
from contracts.analyses import Result
from contracts.events import Params
from services.analyzer.algorithm import Rendition

JSON = "application/json"
Known = dict[str, Result]
_DECODER = msgspec.json.Decoder(list[Result])


@dataclass(frozen=True, slots=True)
class Question:
    """What a result is the answer to."""

    algorithm: str
    version: int
    params: Params

    @classmethod
    def of(cls, result: Result) -> Self:
        return cls(result.algorithm, result.version, result.params)

    @property
    def name(self) -> str:
        """Equal for equal questions, whatever the order of the params."""
        return orjson.dumps(self, option=orjson.OPT_SORT_KEYS).decode()


def known(results: Iterable[Result]) -> Known:
    """By the name of the question; of several answers to one question the last."""
    return {Question.of(result).name: result for result in results}


class Results:
    """The results of one algorithm group. Both methods raise TryLater while object storage is down."""

    def __init__(self, objects: Objects, group: str) -> None:
        self._objects = objects
        self._group = group

    async def recall(self, sha256: str, questions: Iterable[Question]) -> Known:
        """All that lies in the objects where answers to `questions` would lie."""
        keys = sorted({self._key(sha256, question) for question in questions})
        return known(chain.from_iterable([await self._read(key) for key in keys]))

    async def keep(self, sha256: str, before: Known, new: Sequence[Result], renditions: Iterable[Rendition]) -> None:
        """Stores the renditions, then the results that speak of them, beside those that lay there `before`."""
        pictures = {one.key: one for one in renditions}.values()
        await asyncio.gather(*(self._objects.put(one.key, one.data, one.media_type, one.sha256) for one in pictures))
        everything = (before | known(new)).values()
        for key in sorted({self._key(sha256, Question.of(one)) for one in new}):
            held = [one for one in everything if self._key(sha256, Question.of(one)) == key]
            await self._objects.put(key, msgspec.json.encode(held), JSON)

    async def _read(self, key: str) -> list[Result]:
        """An object that cannot be read is as good as none: it is written anew."""
        try:
            return _DECODER.decode(await stored.get(self._objects, key))
        except (ObjectMissing, Damaged, msgspec.DecodeError):
            return []

    def _key(self, sha256: str, question: Question) -> str:
        if question.params:
            return ids.result_key(sha256, question.algorithm, question.version, question.params)
        return ids.results_key(sha256, self._group)
