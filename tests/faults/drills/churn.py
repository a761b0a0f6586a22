"""Analyzers and projectors come and go."""

import asyncio

from tests.faults.drill import Act, drill
from tests.faults.invariants import nothing_failed
from tests.faults.single import facts_of_one, same_facts

SECONDS = 120.0
EVERY = 3.0
MOST = 4


@drill(services=("projector", "projector-2", "analyzer", "analyzer-2", "api"), within=420)
async def comings_and_goings(act: Act) -> None:
    """Two to four analyzers and as many projectors: one joins or leaves every three seconds, for two minutes. What
    they have folded is what one projector folds, and what they have found is what one analyzer finds."""
    stage, chance = act.stage, act.stage.chance
    act.checks.append(nothing_failed)
    end = asyncio.get_running_loop().time() + SECONDS
    async with act.load(clients=3):
        while asyncio.get_running_loop().time() < end:
            service = chance.choice(["projector", "analyzer"])
            there = sorted(name for name in stage.running if name.startswith(service))
            if len(there) < 2 or (len(there) < MOST and chance.random() < 0.5):
                stage.launch(next(name for name in _names(service) if name not in there))
            elif chance.random() < 0.3:
                await stage.kill(chance.choice(there))
            else:
                await stage.end(chance.choice(there))
            await asyncio.sleep(EVERY)
    alone = await facts_of_one(stage, act.ledger.calls)
    act.checks.append(lambda seen: same_facts(seen, alone))


def _names(service: str) -> list[str]:
    return [service, *(f"{service}-{number}" for number in range(2, MOST + 1))]
