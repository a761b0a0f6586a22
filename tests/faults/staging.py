"""Sets a stage, and leaves nothing of it behind."""

import asyncio
import os
import random
import shutil
import tempfile
from collections.abc import AsyncIterator, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from types import MappingProxyType
from urllib.parse import urlsplit

from psycopg.conninfo import conninfo_to_dict

from deploy.local import ports
from deploy.local.home import Home
from deploy.local.servers import Given, start
from deploy.local.supervisor import Supervisor
from tests.faults.brokers import three_brokers
from tests.faults.disks import small_disk
from tests.faults.houses import own_house
from tests.faults.links import Link, any_answer, chunk, frame, same_correlation
from tests.faults.site import site
from tests.faults.stage import NAMED, Stage, Way
from tests.receivers import receiver
from tests.running import House, Stack

LOGS = os.environ.get("FRAMELOG_TEST_DRILL_LOGS")
"""A folder to which the logs of every process are copied at the end."""


@asynccontextmanager
async def staged(
    shared: Stack,
    seed: int,
    *,
    own: Collection[str] = (),
    disks: Mapping[str, int] = MappingProxyType({}),
    brokers: bool = False,
    links: Iterable[Way] = (),
    services: Sequence[str] = ("projector", "analyzer", "api"),
    **settings: object,
) -> AsyncIterator[Stage]:
    """A stage that is ready. `own` are the servers that the drill may ruin; the others are those of `shared`. `disks`
    are the megabytes that some of the own ones have for their data; with `brokers` Kafka is a cluster of the
    drill's own, of three.

    Whatever fails, nothing is left of it: no process, no file, and on shared servers no topic, bucket or database.
    """
    said: list[str] = []
    async with AsyncExitStack() as opened:
        home = opened.enter_context(_home())
        path = home.path
        for server, megabytes in disks.items():
            opened.enter_context(small_disk(path / NAMED.get(server, server), megabytes))
        supervisor = await opened.enter_async_context(Supervisor(home, said.append))
        cluster = await three_brokers(supervisor) if brokers else shared.kafka
        given = Given(
            kafka=None if "kafka" in own else cluster,
            s3=None if "s3" in own else (shared.s3, shared.s3_access_key, shared.s3_secret_key),
            postgres=None if "postgres" in own else shared.postgres,
        )
        stack = await start(supervisor, given)
        house = await opened.enter_async_context(
            own_house(stack, path, {*own, *(["kafka"] if brokers else ())}, brokers)
        )
        (port,) = ports.choose([None])
        hooks, pictures = opened.enter_context(receiver()), opened.enter_context(site())
        own_ports = {"api": port, "hooks": hooks.port, "site": pictures.port}
        ways = {way: await opened.enter_async_context(_link(way, house, own_ports)) for way in links}
        stage = Stage(house, supervisor, random.Random(seed), port, ways, {}, hooks, pictures, said=said)
        allowed = ",".join(urlsplit(url).netloc for url in stage.outside.values())
        stage.settings = {"allow_private_urls": allowed, "callback_retries": "0,1,1,2,2,5,5", **settings}
        for service in services:
            stage.launch(service)
        try:
            await asyncio.gather(*(stage.back(service) for service in services))
            yield stage
        finally:
            stage.heal()
            await asyncio.gather(*(kept.stop() for kept in stage.running.values()))


@contextmanager
def _home() -> Iterator[Home]:
    """A directory that Postgres's own user can enter."""
    path = Path(tempfile.mkdtemp(prefix="framelog-test-drill-"))
    path.chmod(0o711)
    try:
        yield Home(path)
        if LOGS:
            shutil.copytree(path / "logs", LOGS, dirs_exist_ok=True)
    finally:
        shutil.rmtree(path, ignore_errors=True)


def _link(way: Way, house: House, own: Mapping[str, int]) -> Link:
    """`own` are the ports of what is no server, by name."""
    match way[1]:
        case "kafka":
            return Link(int(house.stack.kafka.rpartition(":")[2]), frame, same_correlation)
        case "s3":
            return Link(urlsplit(house.stack.s3).port or 80, chunk, any_answer)
        case "postgres":
            return Link(int(str(conninfo_to_dict(house.database)["port"])), chunk, any_answer)
        case other:
            return Link(own[other], chunk, any_answer)
