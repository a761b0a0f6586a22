"""Several processes fold the partitions of a log at once: one alone is bound by one core of the machine."""

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections import deque
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress

import msgspec
from msgspec.structs import replace

from adapters.tasks import together
from services.projector.builder import EXPECTED, Told
from services.projector.folding import Count, Plan, Share


class BuilderDied(Exception):
    """A process of a build ended in the middle of a share, as for want of memory. One line."""


async def fold_side_by_side(plan: Plan, shares: Iterable[Share], processes: int, tell: Count) -> None:
    """Each share goes to whoever is free. `tell` is given the records folded so far of all of them.

    Raises LogBroken, TooManyUndecodable, psycopg.OperationalError, BuilderDied; no process is left then either.
    """
    left = deque(shares)
    counts: dict[Share, int] = {}
    part = replace(plan, memory=plan.memory // processes)

    async def work(number: int) -> None:
        own = replace(part, folder=os.path.join(plan.folder, str(number)))
        async with _builder(own) as builder:
            while left:
                share = left.popleft()
                async for done in _folded(builder, share):
                    counts[share] = done
                    tell(sum(counts.values()))

    await together(*(work(number) for number in range(processes)))


async def _folded(builder: Process, share: Share) -> AsyncIterator[int]:
    assert builder.stdin
    assert builder.stdout
    with suppress(ConnectionError):  # its end says why
        builder.stdin.write(msgspec.json.encode(share) + b"\n")
        await builder.stdin.drain()
    async for line in builder.stdout:
        told = msgspec.json.decode(line, type=Told)
        if told.failure:
            raise EXPECTED[told.failure](told.line)
        yield share.end if told.ended else told.done
        if told.ended:
            return
    raise BuilderDied(
        f"a process that folded {share.topic}:{share.partition} ended with {await builder.wait()}; the same command"
        " goes on from there; was memory short, with FRAMELOG_REBUILD_PROCESSES=1 or less FRAMELOG_REBUILD_MEMORY_BYTES"
    )


@asynccontextmanager
async def _builder(plan: Plan) -> AsyncIterator[Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "services.projector.builder", stdin=PIPE, stdout=PIPE, start_new_session=True
    )
    assert process.stdin
    try:
        process.stdin.write(msgspec.json.encode(plan) + b"\n")
        yield process
    finally:
        process.stdin.close()
        await process.wait()
