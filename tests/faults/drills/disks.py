"""A server's disk is full, and then it is not."""

from tests.faults.disks import MIB, cannot_mount, filled
from tests.faults.drill import Act, drill
from tests.faults.stage import NAMED


async def full(act: Act, server: str, left: int) -> None:
    stage = act.stage
    async with act.load():
        await act.pause(2.0, 4.0)
        with filled(stage.supervisor.home.path / NAMED.get(server, server), left):
            await act.pause(10.0, 15.0)
        await stage.back(server, within=90)
        await act.pause(2.0, 3.0)


@drill(own=["kafka"], disks={"kafka": 100}, skipped=cannot_mount)
async def kafka_disk_full(act: Act) -> None:
    """Kafka's disk is full: it ends, again and again, until there is space."""
    await full(act, "kafka", left=MIB // 4)


@drill(own=["postgres"], disks={"postgres": 250}, skipped=cannot_mount)
async def postgres_disk_full(act: Act) -> None:
    """Postgres's disk is full: uploads go on."""
    await full(act, "postgres", left=MIB // 4)


@drill(own=["s3"], disks={"s3": 100}, skipped=cannot_mount)
async def store_disk_full(act: Act) -> None:
    """Object storage's disk is full: uploads are refused, and leave nothing."""
    await full(act, "s3", left=MIB // 4)
