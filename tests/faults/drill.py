"""A drill: people at work, a fault, healing, a bounded drain; then every promise is checked, and one line printed."""

import asyncio
import re
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
from aiokafka.errors import KafkaError
from psycopg import Error

from tests.faults.calls import Ledger, Outcome
from tests.faults.evidence import asked, gathered, log_ends, reached, watched
from tests.faults.invariants import Broken, Check, broken
from tests.faults.load import Client, load
from tests.faults.stage import Stage
from tests.faults.staging import staged
from tests.running import Stack, versions_told

SETTLE_SECONDS = 60.0
DRAIN_SECONDS = 90.0
POLL_SECONDS = 0.2
STILL_AT_WORK = """
SELECT (SELECT count(*) FROM framelog.described_images WHERE status IN ('queued', 'running'))
     + (SELECT count(*) FROM framelog.described_jobs WHERE status IN ('queued', 'running')
        OR callback_url IS NOT NULL AND delivery_state IS NULL)
     + (SELECT count(*) FROM framelog.events AS asked WHERE type = 'framelog.reanalysis.requested.v1' AND NOT EXISTS (
        SELECT FROM framelog.attempts WHERE cause = asked.event_id AND finished_at IS NOT NULL))
"""


@dataclass
class Act:
    """What a drill is given: its stage, and clients whose every call is remembered."""

    stage: Stage
    ledger: Ledger = field(default_factory=Ledger)
    wrong: list[Broken] = field(default_factory=list)
    """What the drill itself saw that should not be."""
    checks: list[Check] = field(default_factory=list)
    """What holds at the end of this drill beside the promises."""

    @asynccontextmanager
    async def load(self, **how: Any) -> AsyncIterator[list[Client]]:
        stage = self.stage
        async with load(stage.url, stage.house.bearer(), self.ledger, stage.chance, **how) as people:
            yield people

    async def pause(self, least: float, most: float) -> None:
        await asyncio.sleep(self.stage.chance.uniform(least, most))

    def expect(self, true: bool, promise: str, what: str) -> None:
        if not true:
            self.wrong.append(Broken(promise, what))


Run = Callable[[Act], Awaitable[None]]


@dataclass(frozen=True, kw_only=True)
class Drill:
    """`staging` is how `staged` is called; `skipped` says why it cannot run here, where it cannot. All of it is bounded
    by `within` seconds, and of these the time from healing to rest by `recovers`.
    """

    name: str
    run: Run
    short: bool
    within: float
    recovers: float
    skipped: Callable[[], str | None]
    staging: dict[str, Any]

    @property
    def sentence(self) -> str:
        return " ".join((self.run.__doc__ or "").split())


@dataclass(frozen=True)
class Report:
    """How one drill went. `told` are the outcomes as clients knew them when the fault was over; `recovery` are the
    seconds from then until nothing moved any more, `took` those of all of it, but for taking the stage away.
    """

    name: str
    seed: int
    told: Counter[Outcome]
    recovery: float
    took: float
    broken: Sequence[Broken]

    @property
    def lost(self) -> int:
        """Acknowledged calls whose effect is gone."""
        return len({id(one.lost) for one in self.broken if one.lost})

    def __str__(self) -> str:
        told = ", ".join(f"{self.told[outcome]} {outcome}" for outcome in ("ok", "failed", "unknown"))
        calls = f"{self.told.total():3} calls ({told})"
        wrong = f", {len(self.broken)} promises broken" if self.broken else ""
        times = f"recovered in {self.recovery:.1f} s  {self.took:.0f} s in all"
        return f"{self.name:<44} seed {self.seed}  {calls}  {times}  {self.lost} lost{wrong}"


DRILLS: dict[str, Drill] = {}


def drill(
    *,
    short: bool = False,
    within: float = 240,
    recovers: float = 60,
    skipped: Callable[[], str | None] = lambda: None,
    **staging: Any,
) -> Callable[[Run], Run]:
    """Enters a function in the list of drills, by its own name."""

    def enter(run: Run) -> Run:
        name = re.sub("_", "-", run.__name__)
        assert name not in DRILLS
        DRILLS[name] = Drill(
            name=name, run=run, short=short, within=within, recovers=recovers, skipped=skipped, staging=staging
        )
        return run

    return enter


async def perform(one: Drill, shared: Stack, seed: int) -> Report:
    """Bounded by `one.within` seconds, beyond what cleaning up takes. Raises TimeoutError."""
    begun = time.monotonic()
    async with staged(shared, seed, **one.staging) as stage, asyncio.timeout(one.within):
        act = Act(stage)
        async with watched(stage.house) as samples:
            await one.run(act)
            told, healed = Counter(call.outcome for call in act.ledger.calls), time.monotonic()
            stage.heal()
            await drained(act)
            recovery = time.monotonic() - healed
            act.expect(recovery < one.recovers, "recovery", f"{recovery:.1f} s, of at most {one.recovers:.0f} s")
        seen = await gathered(stage, act.ledger.calls, samples)
        wrong = [*act.wrong, *broken(seen, act.checks)]
        return Report(one.name, seed, told, recovery, time.monotonic() - begun, wrong)


async def drained(act: Act) -> None:
    """Returns once what was unknown is known and nothing is under way; or out of patience: then the checks tell."""
    stage = act.stage
    async with stage.client() as client:
        await act.ledger.settle(client, SETTLE_SECONDS)
        try:
            async with asyncio.timeout(DRAIN_SECONDS):
                while not await _at_rest(stage, client):  # noqa: ASYNC110
                    await asyncio.sleep(POLL_SECONDS)
        except TimeoutError:
            act.wrong.append(Broken("I1", f"not at rest after {DRAIN_SECONDS:.0f} s"))


async def _at_rest(stage: Stage, client: httpx.AsyncClient) -> bool:
    """All is well, the read model has reached the end of the log, nothing in it waits for anything, and what the API
    tells the log of itself has been told."""
    try:
        health, algorithms = await client.get("/readyz"), await client.get("/v1/algorithms")
        await reached(stage.house, await log_ends(stage.house), DRAIN_SECONDS)
        ((waiting,),) = await asked(stage.house, STILL_AT_WORK)
    except (Error, KafkaError, httpx.TransportError):
        return False
    well = health.status_code == 200 and not health.json().get("degraded")
    return well and waiting == 0 and versions_told(algorithms)
