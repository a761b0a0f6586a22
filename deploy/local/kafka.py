"""Apache Kafka as one process that is broker and controller (KRaft)."""

import asyncio
import base64
import shutil
import subprocess
import uuid
from pathlib import Path

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from adapters.kafka import connecting, shown
from deploy.local import tools
from deploy.local.child import Program
from deploy.local.home import Home
from deploy.local.refusal import CannotStart
from deploy.local.tools import found

# One broker acknowledges from the page cache; flushing each message first makes 2xx mean durable. A broker that was
# killed is let back in once its last session has ended: 2 s here, 9 s by default. Offsets are kept for ten years.
# Java compiles quickly, not twice: a broker of one machine never earns back what the second compiler costs.
PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers=127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{broker},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{broker}
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
log.dirs={data}
auto.create.topics.enable=false
log.flush.interval.messages=1
broker.session.timeout.ms=2000
broker.heartbeat.interval.ms=500
group.initial.rebalance.delay.ms=0
offsets.topic.num.partitions=1
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
offsets.retention.minutes=5256000
"""


def kafka(home: Home, jars: Path, broker: int, controller: int) -> Program:
    """The broker, its storage formatted on the first start. Blocks for a second then."""
    directory = home.path / "kafka"
    directory.mkdir(exist_ok=True)
    run = [str(found(tools.java).path), "-cp", f"{jars}/libs/*"]
    if not (directory / "data").exists():
        _format(directory, run, broker, controller)
    properties = _properties(directory, directory / "data", broker, controller)
    return Program(
        name="kafka",
        command=[
            *(run[0], "-Xmx512m", "-XX:TieredStopAtLevel=1", "-XX:+ExitOnOutOfMemoryError"),
            *("-Dorg.slf4j.simpleLogger.showDateTime=true", *run[1:], "kafka.Kafka", str(properties)),
        ],
        cwd=directory,
        layer=2,
        answers=lambda: has_metadata(f"127.0.0.1:{broker}"),
    )


async def has_metadata(bootstrap: str) -> bool:
    """Whether clients can use it: the port opens before the broker has been let in. `bootstrap` as FRAMELOG_KAFKA."""
    if not await _listens(shown(bootstrap).split(",")[0]):
        return False
    client = AIOKafkaAdminClient(**connecting(bootstrap), request_timeout_ms=2_000)
    try:
        await client.start()
        return bool((await client.describe_cluster())["brokers"])
    except (KafkaError, OSError, TimeoutError):
        return False
    finally:
        await client.close()


async def _listens(address: str) -> bool:
    """Asked first, because the client logs every refused connection."""
    host, _, port = address.rpartition(":")
    try:
        async with asyncio.timeout(2):
            _, writer = await asyncio.open_connection(host.strip("[]"), int(port))
    except (OSError, TimeoutError):
        return False
    writer.close()
    return True


def _properties(directory: Path, data: Path, broker: int, controller: int) -> Path:
    path = directory / "server.properties"
    path.write_text(PROPERTIES.format(broker=broker, controller=controller, data=data))
    return path


def _format(directory: Path, run: list[str], broker: int, controller: int) -> None:
    """In a directory that gets its name when it is whole: a half-formatted one is never started."""
    fresh = directory / "fresh"
    shutil.rmtree(fresh, ignore_errors=True)
    properties = _properties(directory, fresh, broker, controller)
    cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
    command = [
        *run,
        "kafka.tools.StorageTool",
        "format",
        "--standalone",
        f"--cluster-id={cluster}",
        "-c",
        str(properties),
    ]
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if done.returncode:
        raise CannotStart(f"kafka: cannot format {directory}: {(done.stdout + done.stderr).strip().splitlines()[-1]}")
    fresh.rename(directory / "data")
