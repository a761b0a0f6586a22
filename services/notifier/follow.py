"""From the feed to the queue: what is owed is queued in the transaction that moves the cursor past what owes it."""

import asyncio
import logging
from uuid import UUID

import orjson

from contracts.events import TryLater
from contracts.problems import Problem
from services.notifier import told
from services.notifier.feed import BEGINNING, Feed
from services.notifier.owed import Owed, owed
from services.notifier.waiting import Callback, Waiting

IDLE_SECONDS = 0.1
BACK_OFF_SECONDS = 1.0

logger = logging.getLogger(__name__)


class Follower:
    """`running` are the algorithms of the house."""

    def __init__(self, feed: Feed, waiting: Waiting, running: frozenset[str]) -> None:
        self._feed = feed
        self._waiting = waiting
        self._running = running
        self._cursor = BEGINNING

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                self._cursor = await self._waiting.cursor()
                while True:
                    if not await self.step():
                        await asyncio.sleep(IDLE_SECONDS)
            except (TryLater, Problem) as down:
                logger.warning("following again in %s s: %s", BACK_OFF_SECONDS, down)
                await asyncio.sleep(BACK_OFF_SECONDS)

    async def step(self) -> bool:
        """Queue what the next events owe; False where there are none."""
        news = await self._feed.after(self._cursor)
        if news.cursor == self._cursor:
            return False
        callbacks = [await self._callback(one) for one in await self._due(news.causes)]
        moved = await self._waiting.add(callbacks, self._cursor, news.cursor)
        self._cursor = news.cursor if moved else await self._waiting.cursor()
        return True

    async def _due(self, causes: list[UUID]) -> list[Owed]:
        """What is owed of some events and has not been delivered: a lost database repeats nothing."""
        asked = await self._feed.asked(causes)
        ended = await self._feed.ended([one.event_id for one in asked])
        found = [due for one in asked for due in owed(one, ended.get(one.event_id, []), self._running)]
        done = await self._feed.delivered([one.delivery for one in found]) if found else set()
        return [one for one in found if one.delivery not in done]

    async def _callback(self, due: Owed) -> Callback:
        asked = due.asked
        if due.job:
            said, request = told.of_job(due, await self._feed.job(asked, due.job)), asked.request
        else:
            said, request = told.of_image(due, await self._feed.image(asked.event.image_id)), asked.event_id
        return Callback(
            delivery=due.delivery,
            request=request,
            job=due.job or asked.event_id,
            owner=asked.event.owner,
            url=due.to.url,
            sealed_token=due.to.sealed_token,
            body=orjson.dumps(said),
            traceparent=due.traceparent,
        )
