"""Whatever is killed, frozen, cut off or filled up: nothing that was acknowledged is lost, and every promise holds.

`make faults` runs every drill, `make test` a short set. FRAMELOG_TEST_DRILLS names those to run, comma separated, `all`
or `short`; FRAMELOG_TEST_DRILL_SEED repeats a schedule.
"""

import os

import pytest

from tests.faults.drill import DRILLS, Drill, perform
from tests.faults.drills import every
from tests.running import Stack

CHOSEN = os.environ.get("FRAMELOG_TEST_DRILLS", "short")
SEED = int(os.environ.get("FRAMELOG_TEST_DRILL_SEED") or "1")


def chosen() -> list[Drill]:
    every()
    if CHOSEN in ("all", "short"):
        return [one for one in DRILLS.values() if one.short or CHOSEN == "all"]
    return [DRILLS[name] for name in CHOSEN.split(",")]


@pytest.mark.timeout(600)
@pytest.mark.parametrize("one", chosen(), ids=lambda one: one.name)
async def test_nothing_is_lost(one: Drill, stack: Stack, capsys: pytest.CaptureFixture[str]) -> None:
    if why := one.skipped():
        pytest.skip(f"{one.name}: {why}")
    report = await perform(one, stack, SEED)
    with capsys.disabled():
        print(f"\n{report}", flush=True)
    assert not report.broken, "\n".join(map(str, report.broken))
