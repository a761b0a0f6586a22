"""How far the read model is behind the log: from the acknowledgement of an event until its rows are committed."""

import asyncio
from bisect import bisect_left
from collections.abc import AsyncIterator
from itertools import chain
from uuid import UUID

from psycopg import AsyncConnection

from adapters.log import Log
from benchmarks import projection, whole_log
from benchmarks.percentiles import Percentiles
from benchmarks.processes import processes, projector
from benchmarks.stand import Stack, Stand, stand
from contracts.codec import encode
from contracts.events import Message
from services.projector import schema

MOST_EVENTS = 60_000
SECONDS = 10  # of appending, per round
PULSE = 0.02
GLANCE_SECONDS = 0.005

Partition = tuple[str, int]
Life = list[tuple[Message, UUID]]
Acknowledged = dict[Partition, list[tuple[int, float]]]
"""Offsets and when they were acknowledged, in the order of the offsets."""


async def tables(stack: Stack, rounds: int) -> AsyncIterator[Percentiles]:
    async with stand(stack) as own, Log(stack.kafka, own.names, linger_ms=5) as log, processes() as supervisor:
        accounts = whole_log.accounts_in(MOST_EVENTS)
        await whole_log.tell(log, 0, accounts)
        most = await projection.followed(own, accounts * whole_log.PER_ACCOUNT)
        await projector(supervisor, own)
        rate = most / 2
        said, seen = await _paced(own, log, accounts, rate, SECONDS * rounds)
        lags = [one * 1000 for one in _lags(said, seen)]
        title = f"From the acknowledgement of an event until its rows are committed, at {rate:,.0f} events/s"
        note = (
            f"Half of the {most:,.0f} events/s that a projector does when it has nothing else to wait for, for "
            f"{SECONDS * rounds} s: {len(lags):,} events. Postgres is asked every {GLANCE_SECONDS * 1000:.0f} ms."
        )
        yield Percentiles(title, {"behind": lags}, [note])


async def _paced(
    own: Stand, log: Log, first: int, rate: float, seconds: float
) -> tuple[Acknowledged, list[tuple[float, dict[Partition, int]]]]:
    """What was acknowledged, and where the rows stood at each glance, until they stood at the end."""
    lives = _made(first, rate * seconds)
    said: Acknowledged = {}
    seen: list[tuple[float, dict[Partition, int]]] = []
    watching = asyncio.create_task(_watch(own, seen))
    loop = asyncio.get_running_loop()
    begin, begun = loop.time(), 0

    async def one(life: Life) -> None:
        for message, event_id in life:
            at = (await log.produce(message, event_id)).position
            said.setdefault((at.topic, at.partition), []).append((at.offset, loop.time()))

    async with asyncio.TaskGroup() as tasks:
        while (passed := loop.time() - begin) < seconds:
            while begun < rate * passed:
                begun += len(lives[-1])
                tasks.create_task(one(lives.pop()))
            await asyncio.sleep(PULSE)
    goal = {at: max(found)[0] + 1 for at, found in said.items()}
    async with asyncio.timeout(60):
        while any(seen[-1][1].get(at, 0) < end for at, end in goal.items()):  # noqa: ASYNC110 - another process does it
            await asyncio.sleep(GLANCE_SECONDS)
    watching.cancel()
    return said, seen


def _made(first: int, events: float) -> list[Life]:
    """Beforehand: making an event takes this process as long as appending it."""
    accounts = range(first, first + 1 + int(events / whole_log.PER_ACCOUNT))
    told = chain.from_iterable(map(whole_log.account, accounts))
    return [[(encode(event, cause), cause.event_id) for event, cause in life] for life in told]


async def _watch(own: Stand, seen: list[tuple[float, dict[Partition, int]]]) -> None:
    loop = asyncio.get_running_loop()
    async with await AsyncConnection.connect(own.database, autocommit=True) as connection:
        name = await schema.live(connection)
        assert name
        while True:
            seen.append((loop.time(), await schema.stands(connection, name)))
            await asyncio.sleep(GLANCE_SECONDS)


def _lags(said: Acknowledged, seen: list[tuple[float, dict[Partition, int]]]) -> list[float]:
    """Seconds from each acknowledgement to the first glance that found it committed."""
    lags: list[float] = []
    for at, found in said.items():
        stood = [where.get(at, 0) for _, where in seen]
        for offset, acknowledged in found:
            lags.append(max(0.0, seen[bisect_left(stood, offset + 1)][0] - acknowledged))
    return lags
