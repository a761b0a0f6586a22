"""The projector is killed on each side of COMMIT."""

from tests.faults.drill import Act, drill
from tests.faults.links import Where, commit

TIMES = 4


async def killed_at_commit(act: Act, where: Where) -> None:
    stage, link = act.stage, act.stage.link("projector", "postgres")
    async with act.load(clients=3):
        for _ in range(TIMES):
            await link.spring(commit, where, stage.chance.randint(3, 12), stage.killer("projector"))
            await act.pause(0.2, 1.5)


@drill(links=[("projector", "postgres")])
async def projector_killed_before_commit(act: Act) -> None:
    """kill -9 of the projector as its COMMIT leaves it: no row, and no position."""
    await killed_at_commit(act, "request")


@drill(links=[("projector", "postgres")], short=True)
async def projector_killed_after_commit(act: Act) -> None:
    """kill -9 of the projector when Postgres has committed, and the projector has not heard of it."""
    await killed_at_commit(act, "answer")
