"""What one drill plays on: a house of its own on real servers, its services kept running, and the ways between.

The services are kept by the supervisor of `framelog up`, so whoever is killed comes back as on one machine; and the
kernel ends all of them with whoever runs the drill.
"""

import asyncio
import random
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import httpx
import psutil
from psycopg.conninfo import make_conninfo

from adapters.log import Log
from adapters.objects import Objects
from deploy.local.child import Program, at_once
from deploy.local.services import LAYER, answers
from deploy.local.supervisor import Kept, Supervisor
from deploy.local.whereabouts import CLONE
from tests.faults.clocks import Clock
from tests.faults.links import Link
from tests.faults.site import Site
from tests.receivers import Receiver
from tests.running import House

SERVERS = ("kafka", "s3", "postgres")
MODULES = {name: f"services.{name}" for name in ("api", "projector", "analyzer", "notifier")} | {
    "fetcher": "services.ingest.fetcher"
}
SERVING = ("api", "stack")
FRAMELOG = Path(sys.executable).with_name("framelog")
"""`stack` is all services under a supervisor of their own, as `framelog up` runs them."""
NAMED = {"s3": "minio"}
"""What the supervisor calls a server, where that is not its own name."""

Way = tuple[str, str]
"""From one service, by its own name, to a server; from `client` to `api`; or to whom users name: from `notifier` to
`hooks`, from `fetcher` to `site`."""


@dataclass
class Stage:
    """`chance` decides whatever a drill leaves open: the same seed, the same decisions. `hooks` takes callbacks, `site`
    has pictures to be fetched."""

    house: House
    supervisor: Supervisor
    chance: random.Random
    port: int
    links: Mapping[Way, Link]
    settings: Mapping[str, object]
    hooks: Receiver
    site: Site
    running: dict[str, Kept] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)
    """What the supervisor said: one line per process that ended by itself, or by the drill."""

    @property
    def url(self) -> str:
        """Where clients find the API."""
        through = self.links.get(("client", "api"))
        return f"http://127.0.0.1:{through.port if through else self.port}"

    @property
    def outside(self) -> dict[str, str]:
        """What `load` is told of those whom the services call themselves."""
        return {
            "callback": f"http://{self._on_the_way('notifier', 'hooks', self.hooks.address)}/jobs",
            "site": f"http://{self._on_the_way('fetcher', 'site', self.site.address)}",
        }

    def client(self, timeout: float = 20) -> httpx.AsyncClient:
        """Signed in as `admin`."""
        return httpx.AsyncClient(base_url=self.url, timeout=timeout, headers=self.house.bearer())

    def log(self) -> Log:
        return Log(self.house.stack.kafka, self.house.names)

    def objects(self) -> Objects:
        stack = self.house.stack
        return Objects(stack.s3, stack.s3_access_key, stack.s3_secret_key, self.house.bucket, "us-east-1")

    # Processes.

    def launch(self, name: str, **settings: object) -> Kept:
        """A service, kept running. `analyzer-2` is a second analyzer."""
        self.running[name] = self.supervisor.launch(self._program(name, settings))
        return self.running[name]

    async def end(self, name: str) -> None:
        """It is told to stop, and does not come back."""
        await self.running.pop(name).stop()

    async def stop(self, server: str) -> None:
        """A server is told to stop, and stays away until it is resumed."""
        await self.kept(server).stop()

    async def hold(self, name: str) -> None:
        """kill -9, and it stays away until it is resumed."""
        await self.kill(name)
        await self.kept(name).stop()

    async def resume(self, server: str) -> None:
        await self.kept(server).restart()
        await self.back(server)

    async def ended(self, name: str, within: float) -> str:
        """How a process ended that was told to, in the supervisor's words: `exit 0`. Raises TimeoutError."""
        async with asyncio.timeout(within):
            while True:
                for line in self.said:
                    if line.startswith(f"{name} ended ("):
                        self.said.remove(line)
                        return line.partition("(")[2].partition(")")[0]
                await asyncio.sleep(0.05)

    async def pid(self, name: str, within: float = 20) -> int:
        """Of the present life, or of the next."""
        async with asyncio.timeout(within):
            while (pid := self.kept(name).pid) is None:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        return pid

    def kept(self, name: str) -> Kept:
        if name in self.running:
            return self.running[name]
        (found,) = (one for one in self.supervisor.kept if one.program.name == NAMED.get(name, name))
        return found

    async def kill(self, name: str) -> None:
        """kill -9; the supervisor starts it again. Of Postgres every process, as a lost machine would."""
        self._signal(await self.pid(name), signal.SIGKILL, everyone=name == "postgres")

    def killer(self, name: str) -> Callable[[], Awaitable[None]]:
        async def kill() -> None:
            await self.kill(name)

        return kill

    async def freeze(self, name: str) -> None:
        """SIGSTOP, to all its children too."""
        self._signal(await self.pid(name), signal.SIGSTOP, everyone=True)

    async def thaw(self, name: str) -> None:
        self._signal(await self.pid(name), signal.SIGCONT, everyone=True)

    @asynccontextmanager
    async def frozen(self, name: str) -> AsyncIterator[None]:
        await self.freeze(name)
        try:
            yield
        finally:
            await self.thaw(name)

    async def tell(self, name: str, number: signal.Signals) -> None:
        """A signal for the process alone. How it ended before is forgotten: `ended` is about what comes of this."""
        self.said[:] = [line for line in self.said if not line.startswith(f"{name} ended (")]
        self._signal(await self.pid(name), number, everyone=False)

    async def decoders(self, analyzer: str = "analyzer") -> list[psutil.Process]:
        found: list[psutil.Process] = psutil.Process(await self.pid(analyzer)).children(recursive=True)
        return found

    async def back(self, name: str, within: float = 60) -> None:
        """Returns once it answers again; for what does not answer anybody, once it lives."""
        await self.kept(name).ready(within)

    @staticmethod
    def _signal(pid: int, number: signal.Signals, *, everyone: bool) -> None:
        with suppress(psutil.NoSuchProcess):
            root = psutil.Process(pid)
            for one in (root, *(root.children(recursive=True) if everyone else ())):
                with suppress(psutil.NoSuchProcess):
                    one.send_signal(number)

    async def reclock(self, name: str, clock: Clock) -> None:
        """The process goes by that clock from now on; it is started anew for it."""
        kept = self.kept(name)
        kept.program = replace(kept.program, environment={**kept.program.environment, **clock.environment()})
        await kept.restart()
        await self.back(name)

    # Links.

    def link(self, service: str, server: str) -> Link:
        return self.links[service, server]

    def heal(self) -> None:
        for link in self.links.values():
            link.heal()

    def environment(self, name: str, **settings: object) -> dict[str, str]:
        """Of a process that finds every server through links of its own, where it has some."""
        return self.house.environment(**{**self.settings, **self._addresses(name), **settings})

    def _on_the_way(self, service: str, whom: str, address: str) -> str:
        through = self.links.get((service, whom))
        return f"127.0.0.1:{through.port}" if through else address

    def _program(self, name: str, settings: Mapping[str, object]) -> Program:
        service = name.partition("-")[0]
        environment = self.environment(name, **settings)
        if service in SERVING:
            environment["FRAMELOG_PORT"] = str(self.port)
        command = [str(FRAMELOG), "up", "--json"] if service == "stack" else [sys.executable, "-m", MODULES[service]]
        return Program(
            name=name,
            command=command,
            cwd=CLONE,
            environment=environment,
            layer=LAYER,
            answers=self._is_ready if service in SERVING else at_once,
        )

    def _addresses(self, name: str) -> dict[str, object]:
        found: dict[str, object] = {}
        for server in SERVERS:
            if link := self.links.get((name, server)):
                found[server] = _through(link, server, self.house)
        return found

    async def _is_ready(self) -> bool:
        return await answers(f"http://127.0.0.1:{self.port}/readyz")


def _through(link: Link, server: str, house: House) -> str:
    match server:
        case "kafka":
            return f"127.0.0.1:{link.port}"
        case "s3":
            return f"http://127.0.0.1:{link.port}"
        case _:
            return make_conninfo(house.database, host="127.0.0.1", port=link.port)
