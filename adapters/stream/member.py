"""One member of a consumer group, by Faust: what is acknowledged is finished, in offset order, whatever dies.

Left to itself Faust acknowledges a message whose handler raised or whose bytes it could not decode, and with
concurrency it commits past messages that are still being worked on. So Faust only fetches, balances and commits here:
one actor per topic takes raw records, tasks work on them, and the finished head of each partition is acknowledged.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any, cast

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError
from faust.types import TP, EventT
from faust.types.tuples import Message

from adapters.log import EPOCH, Names
from adapters.stream.fetching import Fetching
from adapters.stream.inhand import InHand
from adapters.stream.lanes import Lane
from adapters.stream.watchdog import watch
from adapters.vitals import VITALS
from contracts.events import Record

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How patient a member is, in seconds."""

    session: float = 10.0  # a killed member's partitions wait this long for a new owner
    handover: float = 5.0  # a rebalance waits this long for messages in hand
    grace: float = 8.0  # a stop waits this long for messages in hand
    closing: float = 4.0  # and this long for Faust to end
    stuck: float = 60.0  # this long without a move although there is something to do, and the process ends
    starved: float = 20.0  # or this long without being handed what is there: Faust does not always find back in step


class Member:
    """Has Faust read a topic, at most `window` messages of it in hand at once: the lanes of the partitions that this
    member has, and what it has in hand of them."""

    def __init__(
        self, bootstrap: str, names: Names, group: str, pace: Pace, in_hand: InHand, topic: str, window: int
    ) -> None:
        self._names = names
        self._pace = pace
        self._in_hand = in_hand
        self._lanes: dict[TP, Lane] = {}
        self._window = asyncio.Semaphore(window)
        self._assignment: object = None  # which one stands; Kafka may assign anew in the same generation
        self._joined = False
        self._closing = False
        self._app = Fetching.of(bootstrap, group, pace.session)
        self._app.on_crash = in_hand.fail
        self._app.on_partitions_revoked.connect(cast(Any, self._revoked))
        self._app.on_partitions_assigned.connect(cast(Any, self._begin))
        raw = self._app.topic(names.physical(topic), key_serializer="raw", value_serializer="raw")
        self._app.agent(raw, name=topic)(self._act)

    async def run(self, stop: asyncio.Event, probe: AIOKafkaConsumer) -> None:
        """Works until `stop` is set, then ends in order. Raises the failure that ended it otherwise."""
        failure = self._in_hand.failure
        starting = self._failing(self._join())
        every = min(self._pace.stuck, self._pace.starved) / 6
        watching = self._failing(watch(partial(self._standing, probe), every))
        stopping: asyncio.Task[Any] = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait([failure, stopping], return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (starting, watching, stopping):
                task.cancel()
            await self._close(self._pace.grace if stop.is_set() and not failure.done() else 0.0)
        if failure.done():
            failure.result()

    async def _act(self, stream: Any) -> None:
        try:
            async for event in stream.noack().events():
                assignment = self._assignment
                await self._window.acquire()
                self._take(event, assignment, self._window.release)
        except Exception as error:
            self._in_hand.fail(error)

    async def _join(self) -> None:
        await self._app.start()
        self._joined = VITALS.begun = True

    def _take(self, event: EventT[Any], assignment: object, free: Callable[[], None]) -> None:
        """Takes a message in hand, unless its time is over; calls `free` when it is in hand no longer."""
        lane = self._lane(event.message) if assignment is self._assignment else None
        held = lane.take(event.message.offset, event.ack) if lane else None
        if lane is None or held is None:
            free()
            return
        task = self._in_hand.start(self._record(event.message), partial(lane.finish, held))
        task.add_done_callback(lambda _: free())

    def _lane(self, message: Message) -> Lane | None:
        """None for a message of an assignment that is over: it will be delivered again, here or elsewhere."""
        if self._closing or self._assignment is None:
            return None
        if message.generation_id != self._app.consumer_generation_id:
            return None
        if message.tp not in self._lanes:
            self._lanes[message.tp] = Lane(self._app.begins(message.tp))
        return self._lanes[message.tp]

    def _record(self, message: Message) -> Record:
        return Record(
            topic=self._names.logical(message.topic),
            partition=message.partition,
            offset=message.offset,
            time=EPOCH + timedelta(milliseconds=round(message.timestamp * 1000)),
            key=message.key,
            value=message.value,
            headers=tuple(cast("list[tuple[str, bytes]]", message.headers)),
        )

    async def _revoked(self, _app: object, revoked: set[TP], **_: object) -> None:
        """Hands partitions over: a moment for what is in hand, a last commit, then nothing of them counts here."""
        self._assignment = None
        partitions = {(self._names.logical(tp.topic), tp.partition) for tp in revoked}
        await self._in_hand.leave(self._pace.handover, partitions)
        await self._commit(revoked)
        for tp in revoked:
            if lane := self._lanes.pop(tp, None):
                lane.close()

    async def _begin(self, *_: object, **__: object) -> None:
        self._assignment = object()

    async def _commit(self, partitions: Iterable[TP]) -> None:
        """Commits what is finished: Faust forgets what was acknowledged before it tells of a rebalance."""
        finished = {tp: self._lanes[tp].position for tp in partitions if tp in self._lanes and self._lanes[tp].moved}
        if not finished:
            return
        try:
            async with asyncio.timeout(self._pace.handover):
                await self._app.fetched._commit(finished)
        except TimeoutError:
            log.warning("the last commit was not confirmed: what it covered will be delivered again")

    async def _close(self, within: float) -> None:
        self._closing = True
        await self._in_hand.leave(within)
        await self._commit(list(self._lanes))
        closing = asyncio.create_task(self._app.stop())
        await asyncio.wait([closing], timeout=self._pace.closing)
        if not closing.done():
            log.warning("Faust does not end in time")

    async def _standing(self, probe: AIOKafkaConsumer) -> dict[str, float]:
        """What does not move although there is something to do, and how long it may not. Nothing, while a dependency
        is down."""
        if self._in_hand.resting:
            return {}
        joined = self._joined and not self._app.rebalancing
        mine = [TopicPartition(*tp) for tp in self._app.fetched.assignment()] if joined else []
        try:
            async with asyncio.timeout(self._pace.stuck / 6):
                ends = await probe.end_offsets(mine) if mine else {}
                await probe.topics()
        except (KafkaError, TimeoutError):
            return {}
        if not joined:
            return {"it has not joined its group": self._pace.stuck}
        waiting = {TP(*tp): self._position(TP(*tp)) for tp, end in ends.items() if end > self._position(TP(*tp))}
        return self._unmoved(waiting)

    def _unmoved(self, waiting: dict[TP, int]) -> dict[str, float]:
        """`waiting` are partitions with records to be read from an offset on."""
        if not waiting:
            return {}
        starved = [] if self._window.locked() else self._empty_handed(waiting)
        nothing = f"nothing was finished after {self._in_hand.finished} messages"
        return {nothing: self._pace.stuck} | dict.fromkeys(starved, self._pace.starved)

    def _empty_handed(self, waiting: dict[TP, int]) -> list[str]:
        """Of those, the ones of which nothing was delivered."""
        return [f"{tp} brings nothing after {at}" for tp, at in waiting.items() if not self._busy(tp)]

    def _busy(self, tp: TP) -> bool:
        return tp in self._lanes and self._lanes[tp].busy

    def _position(self, tp: TP) -> int:
        return self._lanes[tp].position if tp in self._lanes else self._app.begins(tp)

    def _failing(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """A task whose error ends the member."""

        async def guarded() -> None:
            try:
                await work
            except Exception as error:
                self._in_hand.fail(error)

        return asyncio.create_task(guarded())
