"""The supervisor of the one-machine stack is killed, and everything with it."""

from tests.faults.drill import Act, drill

TIMES = 2


@drill(services=("stack",), within=300)
async def supervisor_killed(act: Act) -> None:
    """kill -9 of `framelog up`: its services end with it; started again, it goes on where all of it was."""
    stage = act.stage
    async with act.load():
        for _ in range(TIMES):
            await act.pause(3.0, 5.0)
            await stage.kill("stack")
            await stage.back("stack", within=90)
        await act.pause(1.0, 2.0)
