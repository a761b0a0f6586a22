"""Network algorithms: services are asked about a picture's small rendition, here and not in a decoder."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import NamedTuple
from weakref import WeakValueDictionary

from contracts.analyses import Failure, Result
from contracts.events import TryLater
from contracts.images import Wanted
from services.analyzer.algorithm import Finding, NetworkAlgorithm, Rendition
from services.analyzer.analysis import Analysis, Found
from services.analyzer.jobs import failed
from services.analyzer.lateness import Lateness
from services.analyzer.pipeline import as_result, blamed, check_finding, check_params
from services.analyzer.results import Known, Question, Results
from services.analyzer.small import Original, Smalls

Outcome = Result | Failure
Asked = Mapping[str, Wanted]


class Installed(NamedTuple):
    """The network algorithms of a group, and of each that cannot run the reason; by name."""

    running: Mapping[str, NetworkAlgorithm]
    disabled: Mapping[str, str]


class Outside:
    """Finds like Analysis, which it asks about everything that is not its own.

    What a service told *later* is raised as TryLater, so that only this picture waits, until it is overdue.
    """

    def __init__(
        self, analysis: Analysis, smalls: Smalls, results: Results, installed: Installed, lateness: Lateness
    ) -> None:
        self._analysis = analysis
        self._smalls = smalls
        self._results = results
        self._running, self._disabled = installed
        self._lateness = lateness
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def find(self, *, sha256: str, storage_key: str, size: int, wanted: Sequence[Wanted]) -> Found:
        """Raises TryLater while object storage, or a service, is down. What was found until then is kept."""
        outcomes: dict[str, Outcome] = {_name(one): self._off(one) for one in wanted if one.algorithm in self._disabled}
        asked = {_name(one): one for one in wanted if one.algorithm in self._running}
        others = [one for one in wanted if one.algorithm not in {*self._disabled, *self._running}]
        if others:
            found = await self._analysis.find(sha256=sha256, storage_key=storage_key, size=size, wanted=others)
            outcomes |= {_name(one): one for one in found.results} | {_name(one): one for one in found.failures}
        if asked:
            async with self._turn(sha256):
                outcomes |= await self._told(Original(sha256=sha256, storage_key=storage_key, size=size), asked)
        return _found([outcomes[_name(one)] for one in wanted])

    def _off(self, wanted: Wanted) -> Outcome:
        return failed(
            wanted, "algorithm-disabled", f"{wanted.algorithm} does not run: {self._disabled[wanted.algorithm]}"
        )

    def _turn(self, sha256: str) -> asyncio.Lock:
        """One at a time for equal bytes: who comes second finds the answer kept."""
        return self._turns.setdefault(sha256, asyncio.Lock())

    async def _told(self, original: Original, asked: Asked) -> dict[str, Outcome]:
        known = await self._recall(original, asked)
        outcomes: dict[str, Outcome] = {
            name: known[answer] for name, one in asked.items() if (answer := self._question(one).name) in known
        }
        missing = {name: one for name, one in asked.items() if name not in outcomes}
        return outcomes | (await self._new(original, missing) if missing else {})

    async def _new(self, original: Original, missing: Asked) -> dict[str, Outcome]:
        small = await self._smalls.of(original)
        if isinstance(small, Failure):
            return {name: failed(one, small.type, small.detail) for name, one in missing.items()}
        told = await asyncio.gather(*(self._ask(one, small) for one in missing.values()))
        outcomes = {name: self._outcome(one, said) for (name, one), said in zip(missing.items(), told, strict=True)}
        results = [one for one in outcomes.values() if isinstance(one, Result)]
        if results:
            renditions = [one for said in told if isinstance(said, Finding) for one in said.renditions]
            before = await self._recall(original, missing)  # anew: the decoders may have added the small rendition
            await self._results.keep(original.sha256, before, results, renditions)
        for later in told:
            if isinstance(later, TryLater):
                raise later
        return {name: one for name, one in outcomes.items() if one is not None}

    async def _ask(self, wanted: Wanted, small: Rendition) -> Finding | Failure | TryLater:
        algorithm, question = self._running[wanted.algorithm], f"{small.of} {self._question(wanted).name}"
        try:
            check_params(algorithm.params_schema, wanted.params)
            finding = await algorithm.analyze(small, wanted.params)
            check_finding(finding)
        except TryLater as later:
            why = self._lateness.overdue(question, later)
            return failed(wanted, "service-unavailable", why) if why else later
        except Exception as error:
            self._lateness.settled(question)
            return blamed(wanted, error, small.of)
        self._lateness.settled(question)
        return finding

    def _outcome(self, wanted: Wanted, said: Finding | Failure | TryLater) -> Outcome | None:
        if isinstance(said, Finding):
            return as_result(wanted, self._running[wanted.algorithm].version, said)
        return said if isinstance(said, Failure) else None

    async def _recall(self, original: Original, asked: Asked) -> Known:
        return await self._results.recall(original.sha256, map(self._question, asked.values()))

    def _question(self, wanted: Wanted) -> Question:
        return Question(wanted.algorithm, self._running[wanted.algorithm].version, wanted.params)


def _name(one: Wanted | Outcome) -> str:
    """Of what is wanted, and of its outcome."""
    return Question(one.algorithm, 0, one.params).name


def _found(outcomes: Sequence[Outcome]) -> Found:
    return Found(
        [one for one in outcomes if isinstance(one, Result)], [one for one in outcomes if isinstance(one, Failure)]
    )
