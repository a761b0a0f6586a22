"""When something counts as stuck. No Kafka."""

import asyncio
import time

import pytest

from adapters.stream.watchdog import Stuck, watch


async def test_what_stands_still_for_too_long_is_stuck() -> None:
    async def standing() -> dict[str, float]:
        return {"nothing was finished": 60.0, "partition 3 brings nothing after 7": 0.3}

    began = time.monotonic()
    with pytest.raises(Stuck, match="partition 3 brings nothing after 7"):
        await watch(standing, 0.05)
    assert 0.3 <= time.monotonic() - began < 10


@pytest.mark.parametrize("moves", [True, False])
async def test_what_moves_or_rests_now_and_then_is_not_stuck(moves: bool) -> None:
    asked = 0

    async def standing() -> dict[str, float]:
        nonlocal asked
        asked += 1
        return {f"stands at {asked // 4}": 1.0} if moves or asked % 4 else {}

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(watch(standing, 0.02), 1.5)
