"""The supervisor of the one-machine stack is killed, and everything with it."""

import signal

from tests.faults.drill import Act, drill

TIMES = 2
GRACE = 30.0
"""Seconds that stopping all services in order may take."""


@drill(services=("stack",), within=300)
async def supervisor_killed(act: Act) -> None:
    """kill -9 of `framelog up`: its services end with it; started again, it goes on where all of it was. SIGTERM: it
    stops all of them in order, and ends with exit 0."""
    stage = act.stage
    async with act.load(**stage.outside):
        for _ in range(TIMES):
            await act.pause(3.0, 5.0)
            await stage.kill("stack")
            await stage.back("stack", within=90)
        await act.pause(3.0, 5.0)
        await stage.tell("stack", signal.SIGTERM)
        how = await stage.ended("stack", GRACE)
        act.expect(how == "exit 0", "SIGTERM", f"framelog up: {how}")
        await stage.back("stack", within=90)
        await act.pause(1.0, 2.0)
