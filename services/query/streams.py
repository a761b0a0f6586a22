"""The account's events as they come: server-sent events (WHATWG HTML §9.2) that go on till somebody leaves."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing, suppress

import orjson
from fastapi.sse import EventSourceResponse, format_sse_event
from starlette.types import Message, Receive, Scope, Send

from contracts.events import TryLater
from contracts.problems import Problem
from services.query.bell import Bell
from services.query.feed import Feed, Told
from services.query.places import Place, word

AT_ONCE = 200
LOOK_SECONDS = 5.0
"""How long to wait for the bell before looking all the same, and whether the account may still see its events."""
HEARTBEAT_SECONDS = 15.0
RETRY_MILLISECONDS = 2_000
MOST_OF_ONE = 20
"""Streams of one account in one process."""
SECONDS_PER_EVENT = 60.0
"""What a client may take to take some events: they are held in memory meanwhile."""
HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no", "Vary": "Accept"}

Still = Callable[[], Awaitable[None]]


class Stream(EventSourceResponse):
    """An answer without an end, for a client that takes what it is sent. However it ends, it is counted no longer."""

    def __init__(self, events: AsyncGenerator[bytes, None]) -> None:
        super().__init__(events, headers=HEADERS)
        self._events = events

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def in_time(message: Message) -> None:
            async with asyncio.timeout(SECONDS_PER_EVENT):
                await send(message)

        async with aclosing(self._events):
            await super().__call__(scope, receive, in_time)


class Streams:
    """Those of one process; `most` of them may be open."""

    def __init__(self, feed: Feed, bell: Bell, most: int) -> None:
        self.feed = feed
        self._bell = bell
        self._most = most
        self._ended = False

    def end(self) -> None:
        """Let every stream come to its end: this process is about to."""
        self._ended = True
        self._bell.ring_all()

    async def answer(self, account: str, place: Place, still: Still, *, begin: bool) -> Stream:
        """A stream of an account's events after a place, till `still` raises a Problem.

        With `begin`, the place itself is told first. Raises Problem where too many streams are open.
        """
        self._refuse_too_many(account)
        events = self._events(account, place, still, word(place, account) if begin else None)
        return Stream(_after(await anext(events), events))  # it is counted from here on

    def _refuse_too_many(self, account: str) -> None:
        if self._ended or self._bell.of_all() >= self._most:
            detail = "As many streams are open as one process of this house has."
            raise Problem("unavailable", detail, headers={"Retry-After": "5"})
        if self._bell.of(account) >= MOST_OF_ONE:
            raise Problem("rate-limited", f"An account has {MOST_OF_ONE} streams.", headers={"Retry-After": "5"})

    async def _events(self, account: str, place: Place, still: Still, begin: str | None) -> AsyncGenerator[bytes, None]:
        clock = asyncio.get_running_loop().time
        with self._bell.listening(account) as rung:
            yield format_sse_event(comment="the events of this account", id=begin)  # whoever passes it on does so now
            said = clock()
            while not self._ended:
                rung.clear()
                told = await self._told(account, place)
                if told.items:
                    yield b"".join(map(_event, told.items))
                    place, said = told.place, clock()
                elif clock() - said >= HEARTBEAT_SECONDS:
                    yield format_sse_event(comment="still here")
                    said = clock()
                if not told.more:
                    await _heard(rung)
                if not await _may(still):
                    return

    async def _told(self, account: str, place: Place) -> Told:
        try:
            return await self.feed.after(account, place, AT_ONCE)
        except TryLater:
            return Told([], place, more=False)


def _event(item: dict[str, object]) -> bytes:
    data = orjson.dumps(item, option=orjson.OPT_UTC_Z).decode()
    return format_sse_event(data_str=data, id=str(item["id"]), retry=RETRY_MILLISECONDS)


async def _after(first: bytes, rest: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    async with aclosing(rest):
        yield first
        async for chunk in rest:
            yield chunk


async def _heard(rung: asyncio.Event) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(LOOK_SECONDS):
            await rung.wait()


async def _may(still: Still) -> bool:
    """Whether they may see their events still, as far as anybody can say."""
    try:
        await still()
    except TryLater:
        return True
    except Problem as problem:
        return problem.type.status == 503
    return True
