"""Keeps children running: restarted when they die, stopped in order.

Why not a library: docs/adr/0004-our-own-process-supervisor.md.
"""

import asyncio
from collections.abc import Callable
from contextlib import ExitStack, suppress
from types import TracebackType

from tenacity import AsyncRetrying, RetryError, retry_if_result, stop_after_delay, stop_never, wait_fixed

from deploy.local.child import Program, bound, end, forget, how, spawn
from deploy.local.home import Home
from deploy.local.leftovers import reap
from deploy.local.refusal import CannotStart

FIRST_PAUSE = 0.5
LONGEST_PAUSE = 5.0
SETTLED = 10.0
POLL = 0.1
BOUND_SECONDS = 10.0


def pause_after(previous: float, lived: float) -> float:
    """Seconds to wait before the next start of a child that lived `lived` seconds; `previous` is the last such wait."""
    return FIRST_PAUSE if lived >= SETTLED or not previous else min(previous * 2, LONGEST_PAUSE)


class Kept:
    """One child, kept running until it is told to stop."""

    def __init__(self, program: Program, home: Home, say: Callable[[str], None]) -> None:
        self.program = program
        self._home = home
        self._say = say
        self._process: asyncio.subprocess.Process | None = None
        self._keeping = asyncio.create_task(self._keep(), name=program.name)

    @property
    def pid(self) -> int | None:
        """None between two lives."""
        return self._process.pid if self._process and self._process.returncode is None else None

    async def ready(self, within: float | None = None) -> None:
        """Waits until it answers. Raises CannotStart after `within` seconds, with the last line of its log."""
        ask = AsyncRetrying(
            retry=retry_if_result(lambda answered: not answered),
            wait=wait_fixed(POLL),
            stop=stop_after_delay(within) if within else stop_never,
        )
        answering: asyncio.Future[bool] = asyncio.ensure_future(ask(self._answers))
        try:
            await asyncio.wait((answering, self._keeping), return_when=asyncio.FIRST_COMPLETED)
            if self._keeping.done():
                self._keeping.result()
            await answering
        except RetryError:
            raise CannotStart(f"{self.program.name} does not answer: {self._last_words()}; {self._its_log()}") from None
        finally:
            answering.cancel()

    async def restart(self) -> None:
        """Another life at once, and without a word."""
        await self.stop()
        self._keeping = asyncio.create_task(self._keep(), name=self.program.name)

    async def stop(self) -> None:
        """No further life; the present one is ended. Returns when it has."""
        self._keeping.cancel()
        await asyncio.wait([self._keeping])
        if self._process:
            await end(self.program, self._process, self._home)

    def kill(self) -> None:
        if self._process and self.pid:
            with suppress(ProcessLookupError):
                self._process.kill()

    async def _keep(self) -> None:
        """One life after another, until cancelled."""
        pause = 0.0
        clock = asyncio.get_running_loop().time
        while True:
            born = clock()
            ended = await self._live()
            pause = pause_after(pause, clock() - born)
            self._say(f"{self.program.name} ended ({ended}), starting it again in {pause:g} s; {self._its_log()}")
            await asyncio.sleep(pause)

    async def _live(self) -> str:
        """One life; how it ended. Raises CannotStart if there never was one."""
        try:
            process = await spawn(self.program, self._home)
        except OSError as error:
            if self._process is None:
                raise CannotStart(f"{self.program.name} cannot be started: {error}") from error
            return str(error)
        self._process = process
        code = await self._ended(process)
        forget(self.program, process.pid, self._home)
        return how(code)

    async def _ended(self, process: asyncio.subprocess.Process) -> int:
        """Its exit code, once there is one. Its log is kept small meanwhile."""
        while True:
            with suppress(TimeoutError):
                return await asyncio.wait_for(process.wait(), BOUND_SECONDS)
            await asyncio.to_thread(bound, self._home.log(self.program.name))

    async def _answers(self) -> bool:
        return self.pid is not None and await self.program.answers()

    def _its_log(self) -> str:
        return f"its log: {self._home.log(self.program.name)}"

    def _last_words(self) -> str:
        said = self._home.log(self.program.name).read_bytes()[-4096:].decode(errors="replace").splitlines()
        return next((line.strip() for line in reversed(said) if line.strip()), "it said nothing")


class Supervisor:
    """Holds a home and the children in it; on exit all of them are stopped, layer by layer from the top."""

    def __init__(self, home: Home, say: Callable[[str], None] = print) -> None:
        self.home = home
        self.say = say
        self.stopping = False
        self._held = ExitStack()
        self.kept: list[Kept] = []

    async def __aenter__(self) -> "Supervisor":
        self.home.prepare()
        self._held.enter_context(self.home.locked())
        for name in await asyncio.to_thread(reap, self.home):
            self.say(f"{name} was left by an earlier run: ended it")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stopping = True
        with self._held:
            for layer in sorted({kept.program.layer for kept in self.kept}, reverse=True):
                await asyncio.gather(*(kept.stop() for kept in self.kept if kept.program.layer == layer))

    def launch(self, program: Program) -> Kept:
        """Starts it and keeps it running from now on."""
        kept = Kept(program, self.home, self.say)
        self.kept.append(kept)
        return kept

    def kill(self) -> None:
        """No more patience: SIGKILL to every child. What was promised to a client is in the log."""
        for kept in self.kept:
            kept.kill()
