"""Somebody sleeps longer than its session lasts, is replaced, and wakes up."""

from tests.faults.drill import Act, drill
from tests.faults.evidence import log_ends, reached
from tests.faults.links import commit, produce_of

ASLEEP = (13.0, 16.0)
"""Seconds: sessions last 10."""
PROJECTORS = ("projector", "projector-2", "analyzer", "api")
ANALYZERS = ("projector", "analyzer", "analyzer-2", "api")


@drill(links=[("projector", "postgres")], services=PROJECTORS)
async def projector_zombie(act: Act) -> None:
    """SIGSTOP of a projector as its COMMIT leaves it, past its session; a second one takes over; the first wakes up,
    its COMMIT still on the way: it writes nothing."""
    stage, link = act.stage, act.stage.link("projector", "postgres")

    async def sleep() -> None:
        await stage.freeze("projector")
        link.swallow()

    async with act.load(clients=2):
        try:
            await link.spring(commit, "request", stage.chance.randint(2, 6), sleep, passes=True)
            await act.pause(*ASLEEP)
            goal = await log_ends(stage.house)
            try:
                await reached(stage.house, goal, within=30)
            except TimeoutError:
                act.expect(False, "I1", "nobody took over while the projector slept")
        finally:
            await stage.thaw("projector")
            link.heal()
        await act.pause(1, 3)


@drill(links=[("analyzer", "kafka")], services=ANALYZERS)
async def analyzer_zombie(act: Act) -> None:
    """SIGSTOP of an analyzer as an outcome leaves it, past its session; a second one takes over; the first wakes up and
    tells what is long known: it changes nothing."""
    stage, link = act.stage, act.stage.link("analyzer", "kafka")

    async def sleep() -> None:
        await stage.freeze("analyzer")

    async with act.load(clients=2):
        try:
            await link.spring(produce_of("framelog.analysis.completed"), "request", 2, sleep, passes=True)
            await act.pause(*ASLEEP)
        finally:
            await stage.thaw("analyzer")
        await act.pause(1, 3)
