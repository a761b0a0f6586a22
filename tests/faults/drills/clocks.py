"""The clock of one process is wrong, or jumps."""

from tests.faults.clocks import Clock, no_library
from tests.faults.drill import Act, drill

HOUR = 3600
ALL = ("projector", "analyzer", "fetcher", "notifier", "api")


@drill(services=ALL, skipped=no_library)
async def clock_an_hour_off(act: Act) -> None:
    """The clock of a service is an hour ahead, then half an hour behind: nothing that is told of it is believed."""
    stage = act.stage
    name = stage.chance.choice(["projector", "analyzer", "fetcher", "notifier"])
    clock = Clock(stage.supervisor.home.path / "clock", HOUR)
    async with act.load(**stage.outside):
        await act.pause(1.0, 2.0)
        await stage.reclock(name, clock)
        await act.pause(5.0, 7.0)
        clock.set(-HOUR // 2)
        await act.pause(5.0, 7.0)
        clock.set(0)


@drill(skipped=no_library)
async def clock_of_the_api(act: Act) -> None:
    """The clock of the API is fifty minutes ahead, so that object storage refuses its signatures: uploads are told to
    come back, and are taken as soon as the clock steps back."""
    stage = act.stage
    clock = Clock(stage.supervisor.home.path / "clock", 0)
    await stage.reclock("api", clock)
    async with act.load(clients=3):
        await act.pause(2.0, 3.0)
        clock.set(HOUR * 5 // 6)
        begun = len(act.ledger.calls)
        await act.pause(5.0, 7.0)
        uploads = [call for call in act.ledger.calls[begun:] if call.ask.kind == "upload"]
        act.expect({call.status for call in uploads[3:]} == {503}, "clock", f"uploads were told {uploads}")
        clock.set(0)
        await act.pause(3.0, 4.0)
    act.expect(act.ledger.calls[-1].outcome == "ok", "clock", f"{act.ledger.calls[-1]}: with the right time again")


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
