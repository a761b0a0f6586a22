"""Two consumers, killed, stopped, frozen and thawed at random while messages keep coming: none may be lost.

FRAMELOG_TEST_CHURN_SECONDS makes it longer than `make test` can afford; FRAMELOG_TEST_CHURN_SEED repeats a run.
"""

import asyncio
import os
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from adapters.admin import create_topics, delete_topics
from adapters.log import Log, Names
from contracts.topics import IMAGES
from tests import events
from tests.events import cause, uid
from tests.faults.worker import SESSION_SECONDS
from tests.running import Stack

SECONDS = float(os.environ.get("FRAMELOG_TEST_CHURN_SECONDS", "30"))
SEED = int(os.environ.get("FRAMELOG_TEST_CHURN_SEED", "20260301"))
PARTITIONS = 6
PER_SECOND = 250
IMAGES_AT_ONCE = 400
# Who is killed while the group is rebalanced is waited for as long as a rebalance may take: 30 s (adapters/stream). Who
# stands still notices that, and ends, within 60 s and a look of 10.
STUCK_SECONDS = 100.0
# A process that is told to stop before it listens ends by the signal itself; it has nothing in hand yet. One that its
# group forgets gives up and is started anew.
ORDERLY = {("kill", -signal.SIGKILL), ("terminate", 0), ("terminate", -signal.SIGTERM), ("end", 0), ("itself", 1)}
MOST_GIVEN_UP = 2


@pytest.fixture
async def names(stack: Stack, unique: str) -> AsyncIterator[Names]:
    names = Names(f"{unique}-")
    topic = replace(IMAGES, partitions=PARTITIONS)
    await create_topics(stack.kafka, names, [topic])
    yield names
    await delete_topics(stack.kafka, names, [topic])


@dataclass
class Worker:
    """One place for a consumer process: whoever ends there is followed by the next."""

    arguments: list[str]
    errors: Path
    ended: list[tuple[str, int]] = field(default_factory=list)

    async def start(self) -> None:
        with self.errors.open("ab") as errors:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "tests.faults.worker", *self.arguments, stdout=errors, stderr=errors
            )

    async def suffer(self, fault: str) -> None:
        if self.process.returncode is not None:
            await self._next("itself")
        elif fault == "freeze":
            self.process.send_signal(signal.SIGSTOP)
            await asyncio.sleep(SESSION_SECONDS * 1.3)
            self.process.send_signal(signal.SIGCONT)
        else:
            self.process.send_signal(signal.SIGKILL if fault == "kill" else signal.SIGTERM)
            await self._next(fault)

    async def _next(self, why: str) -> None:
        self.ended.append((why, await asyncio.wait_for(self.process.wait(), 40)))
        await self.start()

    async def end(self) -> None:
        why = "itself" if self.process.returncode is not None else "end"
        if why == "end":
            self.process.send_signal(signal.SIGTERM)
        self.ended.append((why, await asyncio.wait_for(self.process.wait(), 40)))


async def churn(worker: Worker, chance: random.Random, until: float) -> None:
    while time.monotonic() < until:
        await asyncio.sleep(chance.uniform(2.0, 10.0))
        await worker.suffer(chance.choice(["kill", "terminate", "freeze"]))


async def produce(log: Log, until: float) -> int:
    count = 0
    while time.monotonic() < until:
        began = time.monotonic()
        batch = [
            log.append(events.updated(uid(number % IMAGES_AT_ONCE)), cause(number), within=30)
            for number in range(count, count + PER_SECOND // 5)
        ]
        await asyncio.gather(*batch)
        count += len(batch)
        await asyncio.sleep(0.2 - (time.monotonic() - began))
    return count


def done(path: Path) -> Counter[str]:
    """How often each message was worked on, by `partition offset`."""
    return Counter(path.read_text().splitlines())


class Positions:
    """How far the group has come."""

    def __init__(self, kafka: str, names: Names, group: str) -> None:
        self._consumer = AIOKafkaConsumer(bootstrap_servers=kafka, group_id=group, enable_auto_commit=False)
        self._partitions = [TopicPartition(names.physical(IMAGES.name), number) for number in range(PARTITIONS)]

    async def __aenter__(self) -> Self:
        await self._consumer.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._consumer.stop()

    async def ends(self) -> list[int]:
        ends = await self._consumer.end_offsets(self._partitions)
        return [ends[one] for one in self._partitions]

    async def committed(self) -> list[int]:
        return [await self._consumer.committed(one) or 0 for one in self._partitions]

    async def reach(self, ends: list[int]) -> None:
        """Returns once all is committed; fails when nothing was for so long that a consumer must be stuck."""
        committed, since = await self.committed(), time.monotonic()
        while committed != ends:
            await asyncio.sleep(1)
            before, committed = committed, await self.committed()
            since = since if committed == before else time.monotonic()
            assert time.monotonic() - since < STUCK_SECONDS, f"committed {committed} of {ends}"


@pytest.mark.timeout(SECONDS * 2 + 180)
async def test_no_message_is_lost_whatever_happens_to_two_consumers(stack: Stack, names: Names, tmp_path: Path) -> None:
    group, written = f"{names.prefix}churned", tmp_path / "done"
    arguments = [stack.kafka, names.prefix, group, str(written)]
    workers = [Worker(arguments, tmp_path / f"worker-{number}.log") for number in range(2)]
    for worker in workers:
        await worker.start()
    until = time.monotonic() + SECONDS
    async with Log(stack.kafka, names, linger_ms=5) as log, Positions(stack.kafka, names, group) as positions:
        faults = [churn(worker, random.Random(SEED + number), until) for number, worker in enumerate(workers)]
        sent, *_ = await asyncio.gather(produce(log, until), *faults)
        ends = await positions.ends()
        try:
            await positions.reach(ends)
        finally:
            for worker in workers:
                await worker.end()
        assert await positions.committed() == ends
    counts = done(written)
    again = counts.total() - len(counts)
    ended = Counter(end for worker in workers for end in worker.ended)
    print(f"{sent} sent, {len(counts)} done, {again} of them again ({again / sent:.1%}); processes ended {ended}")
    assert set(counts) == {f"{partition} {offset}" for partition, end in enumerate(ends) for offset in range(end)}
    assert len(counts) >= sent
    assert again / sent < 0.2  # a few in a hundred, and more the less time the machine has for each
    said = "\n".join(worker.errors.read_text()[-3_000:] for worker in workers)
    assert set(ended) <= ORDERLY, said
    assert ended["itself", 1] <= MOST_GIVEN_UP, said
