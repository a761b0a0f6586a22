"""The servers of a test session: our own, started once; or containers of the same three."""

import asyncio
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from deploy.local.home import Home
from deploy.local.servers import Servers
from tests.running import Stack

KAFKA_IMAGE = "confluentinc/cp-kafka:7.9.0"
MINIO_IMAGE = "minio/minio:latest"
POSTGRES_IMAGE = "postgres:16"


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
