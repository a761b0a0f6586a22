"""Kafka, object storage and Postgres die, are bounced, and fall asleep, under load."""

import signal

from tests.faults.drill import Act, drill

ASLEEP = (18.0, 22.0)


async def killed(act: Act, server: str, times: int, number: signal.Signals = signal.SIGKILL) -> None:
    stage = act.stage
    async with act.load():
        for _ in range(times):
            await act.pause(1.0, 3.0)
            if number == signal.SIGKILL:
                await stage.kill(server)
            else:
                await stage.tell(server, number)
            await act.pause(0.2, 0.5)
            await stage.back(server)
        await act.pause(1.0, 3.0)


async def asleep(act: Act, server: str, seconds: tuple[float, float] = ASLEEP) -> None:
    async with act.load():
        await act.pause(1.0, 3.0)
        async with act.stage.frozen(server):
            await act.pause(*seconds)
        await act.pause(1.0, 3.0)


@drill(own=["kafka"], within=300)
async def kafka_killed_five_times(act: Act) -> None:
    """kill -9 of Kafka, five times."""
    await killed(act, "kafka", 5)


@drill(own=["kafka"])
async def kafka_bounced(act: Act) -> None:
    """SIGTERM to Kafka, which comes back."""
    await killed(act, "kafka", 1, signal.SIGTERM)


@drill(own=["kafka"], within=300)
async def kafka_asleep(act: Act) -> None:
    """SIGSTOP of Kafka for a minute."""
    await asleep(act, "kafka", (60.0, 62.0))


@drill(own=["postgres"])
async def postgres_stopped_at_once(act: Act) -> None:
    """Postgres is stopped in its `immediate` way, three times: no checkpoint, no good-bye."""
    await killed(act, "postgres", 3, signal.SIGQUIT)


@drill(own=["postgres"])
async def postgres_killed(act: Act) -> None:
    """kill -9 of all of Postgres, three times."""
    await killed(act, "postgres", 3)


@drill(own=["postgres"], recovers=15)
async def postgres_gone(act: Act) -> None:
    """Postgres is gone for a while: whoever asks it finds it again at once, however long it was away."""
    stage = act.stage
    async with act.load(clients=2):
        await act.pause(1.0, 2.0)
        await stage.stop("postgres")
        await act.pause(35.0, 40.0)
        await stage.resume("postgres")


@drill(own=["postgres"])
async def postgres_asleep(act: Act) -> None:
    """SIGSTOP of all of Postgres: it hangs, which is worse than being gone."""
    await asleep(act, "postgres")


@drill(own=["s3"])
async def store_killed(act: Act) -> None:
    """kill -9 of object storage, three times."""
    await killed(act, "s3", 3)


@drill(own=["s3"])
async def store_asleep(act: Act) -> None:
    """SIGSTOP of object storage."""
    await asleep(act, "s3")
