"""The ways between two parts are slow, break off, or swallow everything; and clients that never come to an end."""

import asyncio
import random

from tests.faults.drill import Act, drill
from tests.faults.stage import Way

WAYS: tuple[Way, ...] = (
    ("client", "api"),
    *(("api", server) for server in ("kafka", "s3", "postgres")),
    *(("projector", server) for server in ("kafka", "postgres")),
    *(("analyzer", server) for server in ("kafka", "s3")),
    *(("fetcher", server) for server in ("kafka", "s3", "site")),
    *(("notifier", server) for server in ("kafka", "postgres", "hooks")),
)
ALL = ("projector", "analyzer", "fetcher", "notifier", "api")


@drill(links=WAYS, services=ALL)
async def slow_ways(act: Act) -> None:
    """Every message between any two parts takes its time."""
    stage = act.stage
    for link in stage.links.values():
        link.delay = stage.chance.uniform(0.02, 0.08)
    async with act.load(**stage.outside):
        await act.pause(15.0, 18.0)


@drill(links=WAYS, services=ALL)
async def resetting_ways(act: Act) -> None:
    """One message in twenty between any two parts finds its connection broken off."""
    stage = act.stage
    async with act.load(**stage.outside):
        for link in stage.links.values():
            link.resetting = random.Random(stage.chance.random())
        await act.pause(15.0, 18.0)
        stage.heal()
        await act.pause(1.0, 2.0)


@drill(links=WAYS, services=ALL, within=360)
async def swallowing_ways(act: Act) -> None:
    """One way after the other swallows everything for a while: nothing is refused, and nothing arrives."""
    stage = act.stage
    async with act.load(**stage.outside):
        for way in stage.chance.sample(WAYS, len(WAYS)):
            link = stage.link(*way)
            link.swallow()
            await act.pause(6.0, 9.0)
            link.cut()
            link.heal()
            await act.pause(0.5, 1.0)


@drill()
async def slow_clients(act: Act) -> None:
    """Clients that send a byte now and then, of headers or of a body, are told 408 in time; others do not notice."""
    stage = act.stage
    bearer = stage.house.bearer()["Authorization"]
    async with act.load(clients=2):
        answers = await asyncio.gather(*(_trickle(stage.port, bearer, body=number % 2 == 0) for number in range(16)))
    act.expect(all(answer.startswith(b"HTTP/1.1 408") for answer in answers), "408", f"they were told {set(answers)}")


async def _trickle(port: int, bearer: str, body: bool) -> bytes:
    """The first line of what a client is told that sends one byte a second."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = f"POST /v1/images HTTP/1.1\r\nHost: localhost\r\nAuthorization: {bearer}\r\nContent-Length: 100000\r\n"
    form = "Content-Type: multipart/form-data; boundary=b\r\n"
    writer.write((head + form + "\r\n--b\r\n" if body else head).encode())
    answer = asyncio.create_task(reader.readline())
    for _ in range(60):
        done, _ = await asyncio.wait([answer], timeout=1)
        if done:
            break
        writer.write(b"x")
    answer.cancel()
    writer.transport.abort()
    return answer.result() if answer.done() and not answer.cancelled() else b"nothing"
