"""When each try is due: a queue in Postgres by a library, one entry per delivery."""

import logging
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any
from uuid import UUID

from procrastinate import App, BaseRetryStrategy, PsycopgConnector, RetryDecision
from procrastinate.jobs import Job
from psycopg import AsyncConnection

TASK = "deliver"
POLL_SECONDS = 0.5
GRACE_SECONDS = 3.0
HEARTBEAT_SECONDS = 3.0
STALLED_SECONDS = 10.0
AFTER_A_CRASH_SECONDS = 10

Try = Callable[[UUID], Awaitable[None]]


class Again(Exception):
    """The next try is due at a later time."""

    def __init__(self, at: datetime) -> None:
        super().__init__(f"again at {at}")
        self.at = at


class AsTold(BaseRetryStrategy):
    """A try says itself when the next one is due; whatever else happens to one, it is made again."""

    def get_retry_decision(self, *, exception: BaseException, job: Job) -> RetryDecision:
        if isinstance(exception, Again):
            return RetryDecision(retry_at=exception.at)
        if isinstance(exception, Exception):
            return RetryDecision(retry_in={"seconds": AFTER_A_CRASH_SECONDS})
        return RetryDecision()  # the notifier stops


class Queue:
    """Raises psycopg's and procrastinate's errors while Postgres is down."""

    def __init__(self, postgres: str, window: int) -> None:
        logging.getLogger("procrastinate").setLevel(logging.WARNING)
        options = {"options": "-c search_path=unlogged"}
        self._app = App(connector=PsycopgConnector(conninfo=postgres, min_size=1, max_size=4, kwargs=options))
        self._window = window

    async def __aenter__(self) -> "Queue":
        await self._app.open_async()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._app.close_async()

    async def add(self, delivery: UUID, connection: AsyncConnection[Any]) -> None:
        """Due at once; part of the connection's transaction, whose search path must lead to `unlogged`."""
        await self._app.configure_task(TASK, connection=connection).defer_async(delivery=str(delivery))

    def entrust(self, try_: Try) -> None:
        """Say once, before the queue runs, what a try is."""

        @self._app.task(name=TASK, retry=AsTold())
        async def deliver(delivery: str) -> None:
            await try_(UUID(delivery))

    async def run(self, wait: bool = True) -> None:
        """Make each try when it is due: until cancelled, or until none is due if it shall not `wait`."""
        await self._app.run_worker_async(
            concurrency=self._window,
            wait=wait,
            fetch_job_polling_interval=POLL_SECONDS,
            shutdown_graceful_timeout=GRACE_SECONDS,
            delete_jobs="always",
            install_signal_handlers=False,
            update_heartbeat_interval=HEARTBEAT_SECONDS,
            stalled_worker_timeout=STALLED_SECONDS,
        )

    async def take_over(self) -> None:
        """Tries that a notifier has died in are due again."""
        stalled = await self._app.job_manager.get_stalled_jobs(seconds_since_heartbeat=STALLED_SECONDS)
        for job in stalled:
            await self._app.job_manager.retry_job(job)
