"""What is told to stop stops in order; what can wait waits; what cannot be taken is refused, honestly."""

import asyncio
import signal
import time

import psutil

from tests.faults.calls import Ask
from tests.faults.drill import Act, drill
from tests.faults.load import pictures

GRACE = 20.0
"""Seconds from SIGTERM to SIGKILL, as the supervisor has it."""
SOON = 4.0
MIB = 1024 * 1024
ALL = ("projector", "analyzer", "fetcher", "notifier", "api")


@drill(services=ALL)
async def terminated_under_load(act: Act) -> None:
    """SIGTERM to each service in turn, under load: each ends with exit 0 inside its grace."""
    stage = act.stage
    async with act.load(**stage.outside):
        for service in stage.chance.sample(ALL, len(ALL)):
            await act.pause(1.0, 2.0)
            await stage.tell(service, signal.SIGTERM)
            try:
                how = await stage.ended(service, GRACE)
            except TimeoutError:
                how = f"still there after {GRACE:.0f} s"
            act.expect(how == "exit 0", "SIGTERM", f"{service}: {how}")
            await stage.back(service)


@drill(own=["postgres"])
async def uploads_with_all_else_down(act: Act) -> None:
    """Analyzer, projector and Postgres are down: every upload is taken, memory is bounded, and all of it catches up."""
    stage = act.stage
    async with act.load(clients=2):
        await act.pause(1.0, 2.0)
    for service in ("analyzer", "projector"):
        await stage.end(service)
    await stage.stop("postgres")
    api = psutil.Process(await stage.pid("api"))
    before, begun = api.memory_info().rss, len(act.ledger.calls)
    async with act.load(only_uploads=True):
        await act.pause(12.0, 14.0)
    for call in act.ledger.calls[begun:]:
        act.expect(call.status == 201, "uploads", f"{call}: with Kafka and object storage up")
    grown = (api.memory_info().rss - before) // MIB
    act.expect(grown < 100, "memory", f"the API has grown by {grown} MiB")
    await stage.resume("postgres")
    for service in ("analyzer", "projector"):
        stage.launch(service)


@drill(own=["kafka", "s3"], upload_budget_bytes=8 * MIB)
async def back_pressure(act: Act) -> None:
    """Object storage is down, or Kafka is, or all memory for uploads is taken: 503, and when to come back; who comes
    back then is served."""
    stage = act.stage
    for server in stage.chance.sample(["s3", "kafka"], 2):
        async with act.load(clients=3, only_uploads=True):
            await act.pause(1.0, 2.0)
            await stage.stop(server)
            await act.pause(5.0, 7.0)
            await stage.resume(server)
            await act.pause(1.0, 2.0)
    await _budget_taken(act)
    refused = [call for call in act.ledger.calls if call.status == 503]
    act.expect(bool(refused), "back-pressure", "nobody was refused")
    for call in refused:
        act.expect(0 < int(call.retry_after or 0) <= 30, "Retry-After", f"{call}: {call.retry_after}")


async def _budget_taken(act: Act) -> None:
    """Of clients that say they will send 6 MB, and take their time, one is given what memory there is; the others are
    refused after 10 s, and those behind them are served."""
    stage = act.stage
    bearer = stage.house.bearer()["Authorization"]
    slow = [asyncio.create_task(_slow_upload(stage.port, bearer)) for _ in range(3)]
    await asyncio.sleep(0.5)
    async with stage.client(timeout=30) as client:
        since = time.monotonic()
        for number, picture in zip(range(3), pictures(7), strict=False):
            ask = Ask(kind="upload", method="POST", path="/v1/images", key=f"small-{number}", picture=picture)
            call = await act.ledger.make(client, ask)
            act.expect(call.outcome == "ok", "back-pressure", f"{call}: behind those that were refused")
    act.expect(time.monotonic() - since < 10 + SOON, "back-pressure", "a refusal took too long")
    answers = await asyncio.gather(*slow)
    refused = [answer for answer in answers if answer.startswith(b"HTTP/1.1 503") and b"retry-after: 5" in answer]
    act.expect(len(refused) == 2, "back-pressure", f"memory is not bounded: {answers}")


async def _slow_upload(port: int, bearer: str) -> bytes:
    """The head of the answer to a client that says it will send 6 MB, and sends nothing for 13 s."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(
        b"POST /v1/images HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=b\r\n"
        + f"Authorization: {bearer}\r\nContent-Length: {6 * MIB}\r\n\r\n".encode()
        + b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.jpg"\r\n\r\n'
    )
    try:
        async with asyncio.timeout(13):
            return (await reader.readuntil(b"\r\n\r\n")).lower().replace(b"http", b"HTTP")
    except TimeoutError:
        return b""
    finally:
        writer.transport.abort()
