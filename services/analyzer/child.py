"""A decoder: a process of its own that reads jobs from stdin, one JSON line each, and answers on stdout.

It may die at any byte of any picture. It holds nothing that the next one would miss.
"""

import asyncio
import hashlib
import importlib
import os
import sys
from collections.abc import Mapping, Sequence
from typing import BinaryIO

import msgspec

from adapters.objects import ObjectMissing, Objects
from adapters.s3 import StoreRefused
from contracts.analyses import Failure, Result
from contracts.events import TryLater
from contracts.images import Wanted
from services.analyzer import limits
from services.analyzer.algorithm import Algorithm
from services.analyzer.decoded import DecodedImage
from services.analyzer.jobs import ALONE_ABOVE, READY, Answer, Job, Setup, failed
from services.analyzer.opening import Unreadable
from services.analyzer.pipeline import Analysed, analyze
from services.analyzer.results import Known, Question, Results


class Decoder:
    """Answers one job at a time. `lock` is a file that all decoders of an analyzer share."""

    def __init__(self, setup: Setup, objects: Objects, installed: Mapping[str, Algorithm], lock: int) -> None:
        self._setup = setup
        self._objects = objects
        self._results = Results(objects, setup.group)
        self._installed = installed
        self._lock = lock

    async def answer(self, job: Job) -> Answer:
        try:
            return _answer(await self._outcomes(job))
        except (TryLater, StoreRefused) as error:
            return Answer(later=str(error))
        except MemoryError:
            return _answer(_all(job.wanted, "decode-memory", "there is not enough memory for this picture").outcomes)

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
        algorithm = self._installed.get(wanted.algorithm)
        return Question(wanted.algorithm, algorithm.version if algorithm else 0, wanted.params)

    async def _computed(self, job: Job, missing: Sequence[Wanted]) -> Analysed:
        caps = self._setup.caps
        if job.size > caps.bytes:
            return _all(missing, "too-large", f"{job.size} bytes, of at most {caps.bytes}")
        try:
            data = await self._objects.get(job.storage_key)
        except ObjectMissing:
            return _all(missing, "object-missing", f"nothing lies at {job.storage_key}")
        if hashlib.sha256(data).hexdigest() != job.sha256:
            return _all(missing, "corrupt-object", f"the {len(data)} bytes at {job.storage_key} have another SHA-256")
        return self._analysed(DecodedImage(data, job.sha256, caps), missing)

    def _analysed(self, image: DecodedImage, wanted: Sequence[Wanted]) -> Analysed:
        with limits.within(self._setup.seconds):
            large = _is_large(image)
        with limits.one_at_a_time(self._lock, large), limits.within(self._setup.seconds):
            return analyze(image, wanted, self._installed)


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
    async with Objects(setup.s3, setup.access_key, setup.secret_key, setup.bucket, setup.region) as objects:
        decoder = Decoder(setup, objects, installed_by(setup), lock)
        limits.confine(setup.memory)
        answers.write(READY)
        answers.flush()
        for line in jobs:
            answer = await decoder.answer(msgspec.json.decode(line, type=Job))
            answers.write(msgspec.json.encode(answer) + b"\n")
            answers.flush()


def main(parent: int, lock: int) -> None:
    limits.end_with(parent)
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints is no answer
    asyncio.run(serve(sys.stdin.buffer, answers, lock))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
