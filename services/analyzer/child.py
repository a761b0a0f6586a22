"""A decoder: a process of its own that reads jobs from stdin, one JSON line each, and answers on stdout.

It may die at any byte of any picture. It holds nothing that the next one would miss.
"""

import asyncio
import hashlib
import importlib
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import BinaryIO

import msgspec

from adapters import stored
from adapters.objects import ObjectMissing, Objects
from adapters.s3 import StoreRefused
from adapters.stored import Damaged
from contracts.analyses import Failure, Result
from contracts.events import TryLater
from contracts.images import Wanted
from services.analyzer import limits
from services.analyzer.algorithm import Algorithm, Rendition
from services.analyzer.decoded import DecodedImage
from services.analyzer.jobs import ALONE_ABOVE, READY, Answer, Job, Picture, Setup, failed
from services.analyzer.opening import Unreadable
from services.analyzer.pipeline import Analysed, analyze
from services.analyzer.results import Known, Question, Results

NO_MEMORY = "there is not enough memory for this picture"
MOST_PICTURES = 8 * 1024 * 1024  # bytes: an answer is one line of at most LONGEST_ANSWER


class Decoding:
    """What is decoded where: `lock` is a file that all decoders of an analyzer share."""

    def __init__(self, setup: Setup, installed: Mapping[str, Algorithm], lock: int) -> None:
        self.caps = setup.caps
        self.installed = installed
        self._seconds = setup.seconds
        self._lock = lock

    def analysed(self, data: bytes, sha256: str, wanted: Sequence[Wanted]) -> Analysed:
        """Within the time that one picture may take."""
        image = DecodedImage(data, sha256, self.caps)
        with limits.within(self._seconds):
            large = _is_large(image)
        with limits.one_at_a_time(self._lock, large), limits.within(self._seconds):
            return analyze(image, wanted, self.installed)


class Decoder:
    """Answers one job at a time, out of a store and into it."""

    def __init__(self, decoding: Decoding, objects: Objects, group: str) -> None:
        self._decoding = decoding
        self._objects = objects
        self._results = Results(objects, group)

    async def answer(self, job: Job) -> Answer:
        try:
            return _answer(await self._outcomes(job))
        except (TryLater, StoreRefused) as error:
            return Answer(later=str(error))
        except MemoryError:
            return _answer(_all(job.wanted, "decode-memory", NO_MEMORY).outcomes)

    async def _outcomes(self, job: Job) -> list[Result | Failure]:
        asked = {self._question(wanted).name: wanted for wanted in job.wanted}  # what is asked twice is one question
        before = await self._results.recall(job.sha256, map(self._question, asked.values()))
        missing = {name: wanted for name, wanted in asked.items() if name not in before}
        computed = await self._kept(job, before, missing) if missing else {}
        return [computed.get(name) or before[name] for name in (self._question(one).name for one in job.wanted)]

    async def _kept(self, job: Job, before: Known, missing: Mapping[str, Wanted]) -> dict[str, Result | Failure]:
        """The outcomes of what is missing, by the name of the question; the results are stored."""
        found = await self._computed(job, list(missing.values()))
        results = [outcome for outcome in found.outcomes if isinstance(outcome, Result)]
        await self._results.keep(job.sha256, before, results, found.renditions)
        return dict(zip(missing, found.outcomes, strict=True))

    def _question(self, wanted: Wanted) -> Question:
        algorithm = self._decoding.installed.get(wanted.algorithm)
        return Question(wanted.algorithm, algorithm.version if algorithm else 0, wanted.params)

    async def _computed(self, job: Job, missing: Sequence[Wanted]) -> Analysed:
        caps = self._decoding.caps
        if job.size > caps.bytes:
            return _all(missing, "too-large", f"{job.size} bytes, of at most {caps.bytes}")
        try:
            data = await stored.get(self._objects, job.storage_key)
        except Damaged as damaged:
            return _all(missing, "corrupt-object", str(damaged))
        except ObjectMissing:
            return _all(missing, "object-missing", f"nothing lies at {job.storage_key}")
        if hashlib.sha256(data).hexdigest() != job.sha256:
            return _all(missing, "corrupt-object", f"the {len(data)} bytes at {job.storage_key} have another SHA-256")
        return self._decoding.analysed(data, job.sha256, missing)


class Unstored:
    """Answers one job at a time, about the bytes that follow it; renditions go with the answer."""

    def __init__(self, decoding: Decoding, jobs: BinaryIO) -> None:
        self._decoding = decoding
        self._jobs = jobs

    async def answer(self, job: Job) -> Answer:
        data = self._jobs.read(job.size)
        try:
            found = self._decoding.analysed(data, job.sha256, job.wanted)
        except MemoryError:
            return _answer(_all(job.wanted, "decode-memory", NO_MEMORY).outcomes)
        if sum(len(one.data) for one in found.renditions) > MOST_PICTURES:
            detail = f"the pictures made of it have more than {MOST_PICTURES:,} bytes"
            return _answer(_all(job.wanted, "algorithm-failed", detail).outcomes)
        return replace(_answer(found.outcomes), pictures=[_picture(one) for one in found.renditions])


def _picture(made: Rendition) -> Picture:
    return Picture(
        name=made.name,
        width=made.width,
        height=made.height,
        media_type=made.media_type,
        sha256=made.sha256,
        data=made.data,
    )


def _is_large(image: DecodedImage) -> bool:
    try:
        return image.header.width * image.header.height > ALONE_ABOVE
    except Unreadable:
        return False


def _all(wanted: Sequence[Wanted], type: str, detail: str) -> Analysed:
    return Analysed([failed(one, type, detail) for one in wanted], [])


def _answer(outcomes: Sequence[Result | Failure]) -> Answer:
    failures = [one for one in outcomes if isinstance(one, Failure)]
    return Answer(
        results=[one for one in outcomes if isinstance(one, Result)],
        failures=failures,
        spent=any(one.type == "decode-memory" for one in failures),
    )


def installed_by(setup: Setup) -> Mapping[str, Algorithm]:
    module, _, callable_ = setup.plugins.partition(":")
    installed: Mapping[str, Algorithm] = getattr(importlib.import_module(module), callable_)(setup.settings)
    return installed


async def serve(jobs: BinaryIO, answers: BinaryIO, lock: int) -> None:
    """Until `jobs` ends, as it does when the analyzer does. Nothing else happens while it waits for one."""
    setup = msgspec.json.decode(jobs.readline(), type=Setup)
    async with AsyncExitStack() as opened:
        decoding = Decoding(setup, installed_by(setup), lock)
        decoder: Decoder | Unstored = Unstored(decoding, jobs)
        if setup.s3 is not None:
            store = Objects(setup.s3, setup.access_key, setup.secret_key, setup.bucket, setup.region)
            decoder = Decoder(decoding, await opened.enter_async_context(store), setup.group)
        limits.confine(setup.memory)
        _say(answers, READY)
        for line in jobs:
            answer = await decoder.answer(msgspec.json.decode(line, type=Job))
            _say(answers, msgspec.json.encode(answer) + b"\n")


def _say(answers: BinaryIO, line: bytes) -> None:
    answers.write(line)
    answers.flush()


def main(parent: int, lock: int) -> None:
    limits.end_with(parent)
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints is no answer
    asyncio.run(serve(sys.stdin.buffer, answers, lock))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
