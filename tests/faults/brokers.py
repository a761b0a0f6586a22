"""Kafka of three brokers on one machine, each of them a controller too: every record is in three places."""

import asyncio
import base64
import subprocess
import uuid
from pathlib import Path

from deploy.local import ports
from deploy.local.artifacts import KAFKA
from deploy.local.cache import cache
from deploy.local.child import Program
from deploy.local.kafka import has_metadata
from deploy.local.supervisor import Supervisor
from deploy.local.tools import found, java

REPLICATION = 3
PROPERTIES = """\
process.roles=broker,controller
node.id={node}
controller.quorum.voters={voters}
listeners=PLAINTEXT://127.0.0.1:{broker},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{broker}
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
log.dirs={data}
auto.create.topics.enable=false
min.insync.replicas=2
default.replication.factor=3
unclean.leader.election.enable=false
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
replica.lag.time.max.ms=5000
group.initial.rebalance.delay.ms=0
offsets.topic.num.partitions=1
offsets.topic.replication.factor=3
transaction.state.log.replication.factor=3
transaction.state.log.min.isr=2
share.coordinator.state.topic.replication.factor=3
share.coordinator.state.topic.min.isr=2
offsets.retention.minutes=5256000
"""


def name(node: int) -> str:
    """What the supervisor calls a broker."""
    return f"kafka-{node}"


async def three_brokers(supervisor: Supervisor) -> str:
    """Their addresses, once all of them answer."""
    chosen = ports.choose([None] * 6)
    brokers, controllers = chosen[:3], chosen[3:]
    voters = ",".join(f"{node}@127.0.0.1:{port}" for node, port in enumerate(controllers, 1))
    cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
    programs = await asyncio.gather(
        *(
            asyncio.to_thread(_broker, supervisor.home.path, node, broker, controller, voters, cluster)
            for node, (broker, controller) in enumerate(zip(brokers, controllers, strict=True), 1)
        )
    )
    await asyncio.gather(*(supervisor.launch(program).ready(90) for program in programs))
    return ",".join(f"127.0.0.1:{port}" for port in brokers)


def _broker(home: Path, node: int, broker: int, controller: int, voters: str, cluster: str) -> Program:
    directory = home / name(node)
    directory.mkdir()
    properties = directory / "server.properties"
    told = {"node": node, "voters": voters, "broker": broker, "controller": controller, "data": directory / "data"}
    properties.write_text(PROPERTIES.format(**told))
    run = [str(found(java).path), "-cp", f"{cache() / KAFKA}/libs/*"]
    format_ = [*run, "kafka.tools.StorageTool", "format", f"--cluster-id={cluster}", "-c", str(properties)]
    subprocess.run(format_, check=True, capture_output=True, stdin=subprocess.DEVNULL)
    return Program(
        name=name(node),
        command=[run[0], "-Xmx512m", "-XX:TieredStopAtLevel=1", *run[1:], "kafka.Kafka", str(properties)],
        cwd=directory,
        layer=2,
        answers=lambda: has_metadata(f"127.0.0.1:{broker}"),
    )
