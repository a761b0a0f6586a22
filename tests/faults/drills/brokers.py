"""Three brokers, of which one dies, and then two."""

from tests.faults import brokers
from tests.faults.drill import Act, drill

NODES = (1, 2, 3)


@drill(brokers=True, within=300)
async def leader_killed(act: Act) -> None:
    """kill -9 of one of three brokers, which leads a third of the partitions: the others go on without it."""
    stage = act.stage
    async with act.load():
        await act.pause(2.0, 3.0)
        node = stage.chance.choice(NODES)
        await stage.hold(brokers.name(node))
        begun = len(act.ledger.calls)
        await act.pause(15.0, 18.0)
        went_on = sum(call.outcome == "ok" for call in act.ledger.calls[begun:])
        act.expect(went_on > 0, "RF 3", "nothing was acknowledged with two of three brokers")
        await stage.resume(brokers.name(node))
        await act.pause(1.0, 2.0)


@drill(brokers=True, within=300)
async def two_of_three_killed(act: Act) -> None:
    """kill -9 of two of three brokers: nothing is acknowledged that only one holds, until they are back."""
    stage = act.stage
    async with act.load():
        await act.pause(2.0, 3.0)
        gone = [brokers.name(node) for node in stage.chance.sample(NODES, 2)]
        for one in gone:
            await stage.hold(one)
        await act.pause(1.0, 2.0)
        begun = len(act.ledger.calls)
        await act.pause(10.0, 12.0)
        alone = [call for call in act.ledger.calls[begun:] if call.outcome == "ok"]
        act.expect(not alone, "min.insync 2", f"{len(alone)} calls were acknowledged with one of three brokers")
        for one in gone:
            await stage.resume(one)
        await act.pause(1.0, 2.0)
