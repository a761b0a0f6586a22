"""A server's disk is full, and then it is not."""

from collections.abc import Callable, Sequence

from tests.faults.calls import Call
from tests.faults.disks import cannot_mount, filled
from tests.faults.drill import Act, drill
from tests.faults.stage import NAMED


async def full(act: Act, server: str, felt: Callable[[Sequence[Call]], bool]) -> None:
    stage = act.stage
    async with act.load():
        await act.pause(2.0, 4.0)
        with filled(stage.supervisor.home.path / NAMED.get(server, server)):
            begun = len(act.ledger.calls)
            await act.pause(12.0, 15.0)
            act.expect(felt(act.ledger.calls[begun:]), "drill", f"nobody noticed that the disk of {server} was full")
        await stage.back(server, within=90)
        await act.pause(2.0, 3.0)


@drill(own=["kafka"], disks={"kafka": 100}, skipped=cannot_mount)
async def kafka_disk_full(act: Act) -> None:
    """Kafka's disk is full: it ends, again and again, until there is space."""
    await full(act, "kafka", any_refusal)


@drill(own=["postgres"], disks={"postgres": 250}, skipped=cannot_mount)
async def postgres_disk_full(act: Act) -> None:
    """Postgres's disk is full: uploads go on."""
    await full(act, "postgres", only_uploads_go_on)


@drill(own=["s3"], disks={"s3": 100}, skipped=cannot_mount)
async def store_disk_full(act: Act) -> None:
    """Object storage's disk is full: uploads are refused, and leave nothing."""
    await full(act, "s3", any_refusal)


def any_refusal(calls: Sequence[Call]) -> bool:
    return any(call.status == 503 for call in calls)


def only_uploads_go_on(calls: Sequence[Call]) -> bool:
    return {call.status for call in calls if call.ask.kind == "upload"} == {201} and any(
        call.status != 200 for call in calls if call.ask.kind == "edit"
    )
