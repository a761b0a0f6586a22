"""The whole stack on one machine: servers, what must exist in them, services; until a signal ends it."""

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict

import psutil

from deploy.local import ports, servers
from deploy.local.display import Display
from deploy.local.home import Home
from deploy.local.prepare import prepare
from deploy.local.refusal import CannotStart
from deploy.local.servers import Given, side_by_side
from deploy.local.services import address, services
from deploy.local.supervisor import Kept, Supervisor
from services.settings import Api

ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
WATCHED = ("contracts", "adapters", "services")


async def up(
    settings: Api,
    given: Given,
    home: Home,
    display: Display,
    announce: Callable[[str], None],
    *,
    reload: bool = False,
) -> None:
    """Returns when SIGINT, SIGTERM or SIGHUP has stopped everything; a second one stops it without patience.

    `announce` is told the one address once it answers. Raises CannotStart, with everything stopped again, if the stack
    cannot run.
    """
    supervisor = Supervisor(home, display.say)
    with _ended_by_signals(supervisor), suppress(asyncio.CancelledError):
        async with supervisor:
            _refuse_taken(settings)
            with display:
                api = await _start(supervisor, settings, given, display)
            announce(address(settings))
            await (_reload(api) if reload else asyncio.Event().wait())
    display.say("stopped")


async def _start(supervisor: Supervisor, settings: Api, given: Given, display: Display) -> Kept:
    """All of it, in order. The API, which answers."""
    addresses = await servers.start(supervisor, given, display.step)
    settings = settings.model_copy(update=asdict(addresses))
    await prepare(settings, display.step)
    launched = [supervisor.launch(program) for program in services(settings, supervisor.home)]
    await side_by_side(*(_shown(kept, display) for kept in launched))
    return launched[-1]


async def _shown(kept: Kept, display: Display) -> None:
    with display.step(_label(kept.program.name)):
        await kept.ready()


def _label(name: str) -> str:
    return "API" if name == "api" else name.replace("-", " of ").capitalize()


async def _reload(api: Kept) -> None:
    """Restarts the API whenever its source changes."""
    from watchfiles import PythonFilter, awatch

    directories = [api.program.cwd / name for name in WATCHED]
    async for _ in awatch(*directories, watch_filter=PythonFilter()):
        await api.restart()


@contextmanager
def _ended_by_signals(supervisor: Supervisor) -> Iterator[None]:
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None

    def end() -> None:
        if supervisor.stopping or task.cancelling():
            supervisor.kill()
        else:
            supervisor.say("stopping: services, Kafka, MinIO, Postgres")
            task.cancel()

    for number in ENDINGS:
        loop.add_signal_handler(number, end)
    try:
        yield
    finally:
        for number in ENDINGS:
            loop.remove_signal_handler(number)


def _refuse_taken(settings: Api) -> None:
    if not ports.free(settings.host, settings.port):
        raise CannotStart(
            f"port {settings.port} on {settings.host} is taken{_by_whom(settings.port)}: "
            f"end that, or choose another, as in FRAMELOG_PORT={settings.port + 1}"
        )


def _by_whom(port: int) -> str:
    """` (by pid 123, nginx)` where the system tells."""
    with suppress(psutil.Error):
        for one in psutil.net_connections("tcp"):
            if one.status == psutil.CONN_LISTEN and one.laddr.port == port and one.pid:
                return f" (by pid {one.pid}, {psutil.Process(one.pid).name()})"
    return ""
