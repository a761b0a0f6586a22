"""Work on messages: many at once, one at a time per key, patient while a dependency is down."""

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable, Collection

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, wait_random_exponential

from adapters.metrics import BACKING_OFF, COMMIT_AGE_SECONDS, IN_FLIGHT
from contracts.events import Record, TryLater

log = logging.getLogger(__name__)
Work = Callable[[Record], Awaitable[None]]
Task = asyncio.Task[None]

_jittered = wait_random_exponential(multiplier=0.5, min=0.1, max=30)


class InHand:
    """Runs `work` on records. `failure` ends with the first error that is no TryLater: the process has to end."""

    def __init__(self, consumer: str, work: Work) -> None:
        self._work = work
        self._tasks: dict[Task, Record] = {}
        self._since: dict[Task, float] = {}
        self._last: dict[bytes, Task] = {}
        self._resting: set[asyncio.Task[object] | None] = set()
        self.finished = 0
        self.failure: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        IN_FLIGHT.labels(consumer).set_function(lambda: len(self._tasks))
        BACKING_OFF.labels(consumer).set_function(lambda: len(self._resting))
        COMMIT_AGE_SECONDS.labels(consumer).set_function(self._oldest)

    @property
    def resting(self) -> bool:
        """Something waits for a dependency that said it was down."""
        return bool(self._resting)

    def start(self, record: Record, finished: Callable[[], None]) -> Task:
        """Works on the record once the one before it of the same key is over; calls `finished` if it came to its end.

        A TryLater is backed off from, as long as it takes, and the same record tried again.
        """
        task = asyncio.create_task(self._run(record, finished, self._last.get(record.key or b"")))
        self._tasks[task] = record
        self._since[task] = time.monotonic()
        task.add_done_callback(self._over)
        if record.key:
            self._last[record.key] = task
        return task

    async def leave(self, within: float, partitions: Collection[tuple[str, int]] | None = None) -> None:
        """Gives work `within` seconds to come to its end and drops what has not; what rests is not waited for.

        `partitions`, as (logical topic, partition), are those to be left; None for all.
        """
        tasks = [
            task
            for task, record in self._tasks.items()
            if partitions is None or (record.topic, record.partition) in partitions
        ]
        busy = [task for task in tasks if task not in self._resting]
        if busy:
            await asyncio.wait(busy, timeout=within)
        dropped = [task for task in tasks if task.cancel()]
        if dropped:
            await asyncio.wait(dropped, timeout=1.0)

    def fail(self, error: BaseException) -> None:
        if not self.failure.done():
            self.failure.set_exception(error)

    def _oldest(self) -> float:
        """Seconds that the message has been in hand that came first. Asked from another thread."""
        now = time.monotonic()
        return now - min(self._since.copy().values(), default=now)

    def _over(self, task: Task) -> None:
        del self._since[task]
        key = self._tasks.pop(task).key or b""
        if self._last.get(key) is task:
            del self._last[key]

    async def _run(self, record: Record, finished: Callable[[], None], before: Task | None) -> None:
        try:
            if before is not None:
                await asyncio.wait([before])
            patiently = AsyncRetrying(
                retry=retry_if_exception_type(TryLater), wait=_pause, sleep=self._rest, before_sleep=_say, reraise=True
            )
            await patiently(self._work, record)
            self.finished += 1
            finished()
        except Exception as error:
            self.fail(error)

    async def _rest(self, seconds: float) -> None:
        task = asyncio.current_task()
        self._resting.add(task)
        try:
            await asyncio.sleep(seconds)
        finally:
            self._resting.discard(task)


def where(record: Record) -> dict[str, object]:
    """What a log line about a record says of it."""
    key = (record.key or b"").decode(errors="replace")
    return {"topic": record.topic, "partition": record.partition, "offset": record.offset, "key": key}


def _pause(state: RetryCallState) -> float:
    """Seconds to wait: at least what the dependency asked for, else doubling, always with jitter."""
    error = state.outcome and state.outcome.exception()
    if isinstance(error, TryLater) and error.after is not None:
        return error.after * random.uniform(1.0, 1.1)
    return _jittered(state)


def _say(state: RetryCallState) -> None:
    why = str(state.outcome and state.outcome.exception())
    seconds = round(state.upcoming_sleep, 2)
    log.warning(
        "backing off",
        extra={"why": why, "attempt": state.attempt_number, "seconds": seconds, **where(state.args[0])},
    )
