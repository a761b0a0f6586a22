"""One guarded child process, and the pipe to it. Its death is its own: no queue and no lock is shared with another."""

import asyncio
import os
import sys
from asyncio import StreamReader, StreamWriter
from asyncio.subprocess import PIPE, Process
from contextlib import suppress

import msgspec

from contracts.events import TryLater
from services.analyzer.jobs import READY, Answer, Job, Setup

LONGEST_ANSWER = 16 * 1024 * 1024
START_SECONDS = 60.0
STOP_SECONDS = 2.0
# One thread and few heaps each: there are as many decoders as cores, and the address space is limited. The pixels of
# one picture go where those of the last one lay: fresh memory, page by page, was a fifth of all CPU time.
FRUGAL = {
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MALLOC_ARENA_MAX": "2",
    "MALLOC_MMAP_THRESHOLD_": str(32 * 1024 * 1024),  # Pillow's blocks are half as large
    "MALLOC_TRIM_THRESHOLD_": str(64 * 1024 * 1024),
}


class Died(Exception):
    """The child ended before it had answered. `code` is its exit code, or minus the signal that ended it."""

    def __init__(self, code: int) -> None:
        super().__init__(f"the decoder ended with {code}")
        self.code = code


class Child:
    """A decoder for one job at a time, started when it is first needed and again after every death.

    `lock` is the descriptor of a file that all decoders of an analyzer lock for large pictures. `patience` is how
    many seconds an answer may take before the child is given up.
    """

    def __init__(self, setup: Setup, lock: int, patience: float) -> None:
        self._setup = setup
        self._lock = lock
        self._patience = patience
        self._running: Running | None = None

    async def ready(self) -> "Running":
        """Raises TryLater where no child becomes ready: that is this machine's fault and no picture's."""
        if self._running and self._running.alive:
            return self._running
        try:
            self._running = await Running.spawn(self._lock)
            line = await self._running.say(self._setup, START_SECONDS)
        except (OSError, TimeoutError, Died) as error:
            raise TryLater(f"no decoder starts: {error!r}") from error
        if line != READY:
            self._running.kill()
            raise TryLater(f"no decoder starts: {line[:200]!r}")
        return self._running

    async def ask(self, job: Job, data: bytes = b"") -> Answer:
        """Raises Died, or TryLater. Cancelled or out of patience it kills the child, so that no answer goes astray.

        `data` follows the job, where the decoder has no store.
        """
        running = await self.ready()
        try:
            answer = msgspec.json.decode(await running.say(job, self._patience, data), type=Answer)
        except TimeoutError:
            raise TryLater(f"a decoder said nothing for {self._patience:.0f} s") from None
        if answer.spent:
            await running.stop()
        if answer.later:
            raise TryLater(answer.later)
        return answer

    async def stop(self) -> None:
        """No process is left when it returns."""
        if self._running:
            await self._running.stop()
            self._running = None


class Running:
    """A child process that was started, with its two pipes."""

    def __init__(self, process: Process, stdin: StreamWriter, stdout: StreamReader) -> None:
        self._process = process
        self._stdin = stdin
        self._stdout = stdout
        self._killed = False

    @classmethod
    async def spawn(cls, lock: int) -> "Running":
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "services.analyzer.child", str(os.getpid()), str(lock)),
            stdin=PIPE,
            stdout=PIPE,
            limit=LONGEST_ANSWER,
            pass_fds=(lock,),
            env=os.environ | FRUGAL,
        )
        assert process.stdin
        assert process.stdout
        return cls(process, process.stdin, process.stdout)

    @property
    def alive(self) -> bool:
        return self._process.returncode is None and not self._killed

    async def say(self, message: Setup | Job, within: float, data: bytes = b"") -> bytes:
        """The line it answers. Raises Died or TimeoutError; whatever is raised, the child has ended or will at once."""
        try:
            async with asyncio.timeout(within):
                self._stdin.writelines([msgspec.json.encode(message), b"\n", data])
                line = await self._stdout.readline()
        except BaseException:
            self.kill()
            raise
        if not line.endswith(b"\n"):
            raise Died(await self._process.wait())
        return line

    def kill(self) -> None:
        self._killed = True
        with suppress(ProcessLookupError):
            self._process.kill()

    async def stop(self) -> None:
        """It ends by itself when its stdin does, unless it is at work."""
        self._stdin.close()
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await self._process.wait()
        except TimeoutError:
            self.kill()
            await self._process.wait()
