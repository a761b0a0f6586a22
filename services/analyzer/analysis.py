"""What a picture's bytes say, found once: read again where it was found before, else worked out in a guarded child."""

import asyncio
import logging
import os
import signal
from collections.abc import Sequence
from tempfile import TemporaryFile
from typing import NamedTuple, Self

from adapters.metrics import DECODERS_ENDED
from contracts.analyses import Failure, Result
from contracts.images import Wanted
from services.analyzer.decoder import Child, Died
from services.analyzer.jobs import Answer, Caps, Job, Picture, Setup, failed

__all__ = ["Analysis", "Caps", "Found", "Setup"]

OVERTIME = (-signal.SIGALRM, -signal.SIGXCPU)
SLACK_SECONDS = 60.0
log = logging.getLogger(__name__)


class Found(NamedTuple):
    """Every algorithm wanted is in exactly one of the first two, in the order it was wanted.

    `pictures` are the renditions, where there is no store that keeps them.
    """

    results: list[Result]
    failures: list[Failure]
    pictures: Sequence[Picture] = ()


class Analysis:
    """The decoders of one analyzer, `children` of them (0: as many as cores). They start when it is entered.

    Entering raises TryLater where they do not: a broken plug-in, or a machine without room for a process.

    A child has pipes of its own, so its death names the one picture it worked on. That picture is tried once more
    with every other decoder idle, since the kernel, short of memory, may have taken the wrong one; then it fails.
    """

    def __init__(self, setup: Setup, children: int = 0) -> None:
        self._setup = setup
        self._count = children or os.cpu_count() or 1
        self._idle: asyncio.Queue[Child] = asyncio.Queue()
        self._alone = asyncio.Lock()

    async def __aenter__(self) -> Self:
        self._lock = TemporaryFile()  # noqa: SIM115 - closed on exit, with the decoders that lock it
        # A large picture may have to wait for every other decoder to finish with one.
        patience = SLACK_SECONDS + 2 * self._setup.seconds * self._count
        self._children = [Child(self._setup, self._lock.fileno(), patience) for _ in range(self._count)]
        for started in await asyncio.gather(*(child.ready() for child in self._children), return_exceptions=True):
            if isinstance(started, BaseException):
                await self.__aexit__()
                raise started
        for child in self._children:
            self._idle.put_nowait(child)
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.gather(*(child.stop() for child in self._children))
        self._lock.close()

    async def find(self, *, sha256: str, storage_key: str, size: int, wanted: Sequence[Wanted]) -> Found:
        """What is known of the bytes at `storage_key`; computes, and stores before it returns, only what is missing.

        Safe to call concurrently and to cancel. Raises TryLater while object storage is down or no decoder starts.
        """
        return await self._done(Job(sha256=sha256, storage_key=storage_key, size=size, wanted=tuple(wanted)))

    async def look(self, data: bytes, sha256: str, wanted: Sequence[Wanted]) -> Found:
        """What is found in these bytes, by decoders without a store. Otherwise like `find`."""
        return await self._done(Job(sha256=sha256, storage_key="", size=len(data), wanted=tuple(wanted)), data)

    async def _done(self, job: Job, data: bytes = b"") -> Found:
        try:
            return _found(await self._by_anyone(job, data))
        except Died as death:
            count(death)
            if death.code in OVERTIME:
                return self._overtime(job)
            log.warning("a decoder ended with %d on %s: once more, alone", death.code, job.sha256)
        try:
            return _found(await self._by_one_alone(job, data))
        except Died as death:
            count(death)
            return self._overtime(job) if death.code in OVERTIME else _dead(job, death)

    async def _by_anyone(self, job: Job, data: bytes) -> Answer:
        child = await self._idle.get()
        try:
            return await child.ask(job, data)
        finally:
            self._idle.put_nowait(child)

    async def _by_one_alone(self, job: Job, data: bytes) -> Answer:
        children: list[Child] = []
        try:
            async with self._alone:
                while len(children) < self._count:
                    children.append(await self._idle.get())
                await children[0].stop()  # it may have died idle, which must not be held against this picture
                return await children[0].ask(job, data)
        finally:
            for child in children:
                self._idle.put_nowait(child)

    def _overtime(self, job: Job) -> Found:
        log.warning("decoding %s took longer than %g s", job.sha256, self._setup.seconds)
        return _all(job, "decode-timeout", f"decoding took longer than {self._setup.seconds:g} s")


def count(death: Died) -> None:
    DECODERS_ENDED.labels("overtime" if death.code in OVERTIME else "died").inc()


def _found(answer: Answer) -> Found:
    return Found(answer.results, answer.failures, tuple(answer.pictures))


def _dead(job: Job, death: Died) -> Found:
    log.error("a decoder ended with %d on %s, alone too", death.code, job.sha256)
    how = f"by {signal.Signals(-death.code).name}" if death.code < 0 else f"with exit code {death.code}"
    return _all(job, "decoder-died", f"the decoder ended {how}")


def _all(job: Job, type: str, detail: str) -> Found:
    return Found([], [failed(one, type, detail) for one in job.wanted])
