"""Tries over hours and days, on a real queue and a real receiver: time is injected, nobody sleeps."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
import pytest_asyncio

from adapters import keys
from adapters.accounts import Accounts
from adapters.ends import Ends
from adapters.fresh import Fresh
from adapters.outbound import Outbound, excepted
from adapters.read_model import ReadModel
from adapters.unlogged import Unlogged
from contracts import ids
from contracts.analyses import Result
from contracts.images import AnalysisRequested, CallbackTo, Wanted
from services.notifier.deliver import Delivering, Manner
from services.notifier.feed import Feed
from services.notifier.follow import Follower
from services.notifier.queue import Queue
from services.notifier.waiting import Waiting
from services.settings import Notifier
from tests import events
from tests.query.world import OWNER, World, world
from tests.receivers import Answer, Receiver, receiver
from tests.running import Stack

pytestmark = pytest.mark.asyncio(loop_scope="module")

HASH = Wanted(algorithm="hash")
NAMES = iter(range(1_000_000))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(stack: Stack) -> AsyncIterator[World]:
    async with world(stack) as one:
        yield one


@dataclass
class Clock:
    """Stands still until somebody moves it."""

    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    def __call__(self) -> datetime:
        return self.now


class Desk:
    """A notifier in the test's own hands: it follows and tries when it is told to."""

    def __init__(self, served: World, follower: Follower, queue: Queue, clock: Clock) -> None:
        self.served = served
        self.clock = clock
        self._follower = follower
        self._queue = queue

    async def ask(self, path: str, hooks: Receiver) -> UUID:
        """A job with a callback, which has been done; its id."""
        name = f"job {next(NAMES)}"
        image = await self.served.upload(name)
        content, to = events.content(name), CallbackTo(url=hooks.url(path))
        event = AnalysisRequested(
            image_id=image, owner=OWNER, actor=OWNER, content=content, wanted=(HASH,), callback=to
        )
        job = await self.served.append(event, name)
        result = Result(algorithm="hash", version=1, params={}, result={"phash": "0"})
        done = events.completed(image, job, owner=OWNER, sha256=content.sha256, wanted=(HASH,), results=(result,))
        outcome = events.cause(name, event_id=ids.outcome(job, "core"), causation_id=job)
        await self.served.log.append(done, outcome)

        async def ended() -> bool:
            return bool((await self.served.get(f"/v1/jobs/{job}")).json()["status"] == "succeeded")

        await self.served.until(ended)
        return job

    async def follow(self) -> None:
        """Until everything that the read model knows of is queued."""
        while await self._follower.step():
            pass

    async def tries(self) -> None:
        """Every try that is due."""
        await self._queue.run(wait=False)

    async def until_due(self) -> timedelta | None:
        """Moves time on to the next try: how long that is from now, None where none is due ever."""
        async with await psycopg.AsyncConnection.connect(self.served.house.database, autocommit=True) as postgres:
            await postgres.execute("SET search_path TO unlogged")
            found = await postgres.execute("SELECT min(scheduled_at) FROM procrastinate_jobs")
            row: Any = await found.fetchone()
            await postgres.execute("UPDATE procrastinate_jobs SET scheduled_at = now()")
        if row[0] is None:
            return None
        waited: timedelta = row[0] - self.clock.now
        self.clock.now = row[0]
        return waited

    async def callback(self, job: UUID) -> dict[str, Any]:
        found: dict[str, Any] = (await self.served.get(f"/v1/jobs/{job}")).json()["callback"]
        return found


@pytest_asyncio.fixture(loop_scope="module")
async def desk(served: World, hooks: Receiver) -> AsyncIterator[Desk]:
    house, clock = served.house, Clock()
    async with AsyncExitStack() as opened:
        ends = await opened.enter_async_context(Ends(house.stack.kafka, house.names))
        read_model = await opened.enter_async_context(ReadModel(house.database))
        unlogged = await opened.enter_async_context(Unlogged(house.database))
        queue = await opened.enter_async_context(Queue(house.database, 8))
        fresh, waiting = Fresh(read_model, ends), Waiting(unlogged, queue)
        feed, known = Feed(read_model, fresh), keys.load(house.home / keys.FILE)
        retries = Notifier.model_fields["callback_retries"].default
        manner = Manner(retries=retries, seconds=2, now=clock, jitter=lambda: 0.0)
        outbound = Outbound(excepted((hooks.address,)))
        delivering = Delivering(waiting, feed, Accounts(read_model, fresh), known, outbound, served.log, manner)
        queue.entrust(delivering.attempt)
        follower = Follower(feed, waiting, frozenset({"hash"}))
        follower._cursor = await waiting.cursor()
        yield Desk(served, follower, queue, clock)


@pytest.fixture
def hooks() -> Any:
    with receiver() as one:
        yield one


async def test_a_receiver_that_answers_500_for_hours_is_called_at_the_times_that_were_promised(
    desk: Desk, hooks: Receiver
) -> None:
    begun, calls = desk.clock.now, list[timedelta]()

    def answered(_: str, __: int) -> Answer:
        calls.append(desk.clock.now - begun)
        return 204 if desk.clock.now - begun > timedelta(hours=2) else 500

    hooks.answer = answered
    job = await desk.ask("/hours", hooks)
    await desk.follow()
    await desk.tries()
    while await desk.until_due():
        assert (await desk.callback(job))["status"] == "pending"
        await desk.tries()
    assert [round(one.total_seconds()) for one in calls] == [0, 5, 305, 2_105, 9_305]
    assert len({(call.id, call.body) for call in hooks.calls}) == 1
    assert len({call.headers["webhook-timestamp"] for call in hooks.calls}) == 5
    await delivered(desk, job, "delivered", 5, 204)


async def test_a_receiver_that_is_never_there_is_given_up_after_ten_tries_in_three_days(
    desk: Desk, hooks: Receiver
) -> None:
    begun = desk.clock.now
    hooks.answer = lambda _, __: 0
    job = await desk.ask("/never", hooks)
    await desk.follow()
    await desk.tries()
    while await desk.until_due():
        await desk.tries()
    assert len(hooks.calls) == 10
    assert timedelta(days=3) < desk.clock.now - begun < timedelta(days=4)
    await delivered(desk, job, "failed", 10, None)


async def test_a_receiver_is_left_alone_for_as_long_as_it_asks(desk: Desk, hooks: Receiver) -> None:
    hooks.answer = lambda _, before: (429, {"Retry-After": "7200"}) if before == 0 else 200
    job = await desk.ask("/busy", hooks)
    await desk.follow()
    await desk.tries()
    assert await desk.until_due() == timedelta(hours=2)
    await desk.tries()
    assert len(hooks.calls) == 2
    await delivered(desk, job, "delivered", 2, 200)


async def test_what_is_followed_twice_is_queued_and_told_once(desk: Desk, hooks: Receiver) -> None:
    job = await desk.ask("/once", hooks)
    await desk.follow()
    await from_the_beginning(desk)
    await desk.tries()
    await delivered(desk, job, "delivered", 1, 204)
    await from_the_beginning(desk)
    await desk.tries()
    assert len(hooks.calls) == 1


async def from_the_beginning(desk: Desk) -> None:
    """As after the loss of the cursor."""
    async with await psycopg.AsyncConnection.connect(desk.served.house.database, autocommit=True) as postgres:
        await postgres.execute("TRUNCATE unlogged.notified")
    desk._follower._cursor = await desk._follower._waiting.cursor()
    await desk.follow()


async def delivered(desk: Desk, job: UUID, status: str, attempts: int, last_status: int | None) -> None:
    async def there() -> bool:
        return (await desk.callback(job))["status"] == status

    assert await desk.served.until(there)
    found = await desk.callback(job)
    assert (found["attempts"], found["last_status"], found["next_attempt_at"]) == (attempts, last_status, None)
