"""What the drill plays on: a stack of its own, a Prometheus that scrapes it, somebody signed in, and a clock."""

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE, STDOUT
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import monotonic

import httpx

from deploy.local import ports
from deploy.local.child import Program
from deploy.local.home import Home
from deploy.local.scrape import FILE
from deploy.local.services import answers
from deploy.local.supervisor import Supervisor
from deploy.local.whereabouts import CLONE
from deploy.monitoring.prometheus import Prometheus, prometheus

FRAMELOG = str(Path(sys.executable).with_name("framelog"))
START_SECONDS = 240.0
POLL_SECONDS = 1.0
MINUTE = 60.0


class Broken(Exception):
    """Something is not as promised. One line."""


@dataclass(frozen=True, slots=True)
class Scene:
    """`stack` is the home of the stack; `api` is signed in; `began` is when all of it ran and nothing was wrong."""

    stack: Home
    api: httpx.AsyncClient
    prometheus: Prometheus
    began: float = field(default_factory=monotonic)

    def say(self, line: str) -> None:
        print(f"{monotonic() - self.began:5.0f} s  {line}", flush=True)

    async def until(self, true: Callable[[], Awaitable[bool]], otherwise: str, within: float = MINUTE) -> float:
        """Seconds until it was so. Raises Broken."""
        asked = monotonic()
        while not await true():
            if monotonic() - asked > within:
                raise Broken(f"{otherwise}, after {within:.0f} s")
            await asyncio.sleep(POLL_SECONDS)
        return monotonic() - asked

    async def framelog(self, *arguments: str) -> None:
        """A command on that stack. Raises Broken, with all that it said, where it fails."""
        ran = await asyncio.create_subprocess_exec(
            *(FRAMELOG, *arguments), env={**os.environ, **_settings(self.stack)}, stdout=PIPE, stderr=STDOUT
        )
        said, _ = await ran.communicate()
        if ran.returncode:
            raise Broken(f"framelog {' '.join(arguments)} ended with {ran.returncode}: {said.decode().strip()}")

    def kill(self, service: str, but: int | None = None) -> int | None:
        """SIGKILL to a process of the stack, unless it is `but`. Whose last life that was, if it is known."""
        with suppress(OSError, ValueError, KeyError):  # between two lives, or its record half written
            pid = int(json.loads((self.stack.run / f"{service}.json").read_text())["pid"])
            if pid != but:
                os.kill(pid, signal.SIGKILL)
            return pid
        return but


@asynccontextmanager
async def scene(home: Home) -> AsyncIterator[Scene]:
    """All of it running in `home`, every process answering Prometheus; all of it ended on exit, however that comes.

    Raises CannotStart, Broken.
    """
    stack = Home(home.path / "stack")
    at_api, at_prometheus = ports.choose([None, None])
    async with Supervisor(home, say=print) as supervisor:
        await supervisor.launch(_up(stack, at_api)).ready(START_SECONDS)
        await supervisor.launch(prometheus(home, stack.path / FILE, at_prometheus)).ready(MINUTE)
        async with (
            httpx.AsyncClient(base_url=f"http://127.0.0.1:{at_api}", timeout=MINUTE) as api,
            httpx.AsyncClient(base_url=f"http://127.0.0.1:{at_prometheus}", timeout=MINUTE) as asking,
        ):
            await _sign_in(api, stack)
            on = Scene(stack, api, Prometheus(asking))
            await _scraped(on)
            yield replace(on, began=monotonic())


def _up(stack: Home, port: int) -> Program:
    """`framelog up` as people run it."""
    return Program(
        name="stack",
        command=[FRAMELOG, "up", "--json"],
        cwd=CLONE,
        environment={**_settings(stack), "FRAMELOG_PORT": str(port)},
        answers=lambda: answers(f"http://127.0.0.1:{port}/readyz"),
        patience=90.0,
    )


def _settings(stack: Home) -> dict[str, str]:
    return {"FRAMELOG_HOME": str(stack.path), "XDG_STATE_HOME": str(stack.path)}


async def _sign_in(api: httpx.AsyncClient, stack: Home) -> None:
    known = json.loads((stack.path / "credentials.json").read_text())
    form = {"grant_type": "password", "username": known["username"], "password": known["password"]}
    answer = await api.post("/v1/auth/token", data=form)
    answer.raise_for_status()
    api.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"


async def _scraped(on: Scene) -> None:
    processes = len(json.loads((on.stack.path / FILE).read_text()))

    async def every_one() -> bool:
        return await on.prometheus.number("sum(up)") == processes and not await on.prometheus.alerts(".+")

    await on.until(every_one, f"Prometheus does not reach all of {processes} processes, or is alarmed already")
    on.say(f"the stack runs, and Prometheus scrapes its {processes} processes")
