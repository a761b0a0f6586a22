"""The clock of one process is wrong, or jumps."""

from tests.faults.clocks import Clock, no_library
from tests.faults.drill import Act, drill

HOUR = 3600
ALL = ("projector", "analyzer", "notifier", "api")


@drill(services=ALL, skipped=no_library)
async def clock_an_hour_off(act: Act) -> None:
    """The clock of a service is an hour ahead, then half an hour behind: nothing that is told of it is believed."""
    stage = act.stage
    name = stage.chance.choice(["projector", "analyzer", "notifier"])
    clock = Clock(stage.supervisor.home.path / "clock", HOUR)
    async with act.load(callback=stage.hooks.url("/jobs")):
        await act.pause(1.0, 2.0)
        await stage.reclock(name, clock)
        await act.pause(5.0, 7.0)
        clock.set(-HOUR // 2)
        await act.pause(5.0, 7.0)
        clock.set(0)


@drill(own=["kafka"], skipped=no_library)
async def clock_of_the_log_steps_back(act: Act) -> None:
    """The clock of Kafka, which dates every event, is an hour ahead and steps back by two: time in the read model never
    does, and a rebuild has the same times."""
    stage = act.stage
    clock = Clock(stage.supervisor.home.path / "clock", HOUR)
    await stage.reclock("kafka", clock)
    async with act.load():
        await act.pause(5.0, 7.0)
        clock.set(-HOUR)
        await act.pause(5.0, 7.0)
        clock.set(0)
        await act.pause(1.0, 2.0)
