"""The servers of a test session: our own, started once; or containers of the same three.

`python -m tests.servers COMMAND…` runs COMMAND on them: for several processes that run tests side by side.
"""

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path

from deploy.local.home import Home
from deploy.local.servers import Servers
from tests.running import Stack

KAFKA_IMAGE = "confluentinc/cp-kafka:7.9.0"
MINIO_IMAGE = "minio/minio:RELEASE.2025-09-07T16-13-09Z"
POSTGRES_IMAGE = "postgres:16.10"
NO_ENGINE = "FRAMELOG_TEST_STACK=containers: no Docker engine answers; start one, or unset it"


@contextmanager
def own() -> Iterator[Stack]:
    """Real servers in a temporary home, which Postgres's own user can enter."""
    home = Path(tempfile.mkdtemp(prefix="framelog-test-"))
    home.chmod(0o711)
    servers = Servers(Home(home))
    try:
        with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
            addresses = runner.run(servers.__aenter__())
            try:
                yield addresses
            finally:
                runner.run(servers.__aexit__())
    finally:
        shutil.rmtree(home, ignore_errors=True)


def engine_answers() -> bool:
    """Whether there is a Docker engine."""
    import docker
    from docker.errors import DockerException

    try:
        docker.from_env().ping()
    except DockerException:
        return False
    return True


@contextmanager
def containers() -> Iterator[Stack]:
    """The same three from images, for machines with a Docker engine and nothing else."""
    from testcontainers.community.kafka import KafkaContainer
    from testcontainers.community.minio import MinioContainer
    from testcontainers.community.postgres import PostgresContainer

    with ExitStack() as running:
        kafka = KafkaContainer(KAFKA_IMAGE).with_kraft().with_env("KAFKA_AUTO_CREATE_TOPICS_ENABLE", "false")
        minio = MinioContainer(MINIO_IMAGE, access_key="framelog", secret_key="framelog-secret")
        postgres = PostgresContainer(POSTGRES_IMAGE, username="framelog", dbname="framelog", driver=None)
        for container in (kafka, minio, postgres):
            running.enter_context(container)
        yield Stack(
            kafka=kafka.get_bootstrap_server(),
            s3=f"http://{minio.get_config()['endpoint']}",
            s3_access_key="framelog",
            s3_secret_key="framelog-secret",
            postgres=postgres.get_connection_url(),
        )


def main(command: Sequence[str]) -> int:
    """The command's own exit code. Servers that FRAMELOG_TEST_STACK names are left as they are."""
    choice = os.environ.get("FRAMELOG_TEST_STACK", "")
    if choice not in ("", "containers"):
        return _done(command)
    if choice and not engine_answers():
        sys.exit(NO_ENGINE)
    with containers() if choice else own() as started, tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(asdict(started), file, default=str)
        file.flush()
        return _done(command, FRAMELOG_TEST_STACK=file.name)


def _done(command: Sequence[str], **environment: str) -> int:
    """Ctrl-C goes to the command too, which has much to put in order: it is waited for."""
    running = subprocess.Popen(command, env={**os.environ, **environment})
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    return running.wait()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
