"""`framelog watch` prints every event once, whatever becomes of the connection."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
import pytest_asyncio

from cli.watch import blocks
from tests.cli.running import Terminal
from tests.cli.test_line import Line, _unused_port, answering
from tests.ingest.serving import own_house
from tests.running import Stack, stop

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def line(stack: Stack) -> AsyncIterator[Line]:
    async with AsyncExitStack() as opened:
        house = await opened.enter_async_context(own_house(stack))
        await opened.enter_async_context(house.run("services.projector"))
        line = Line(house, _unused_port(), None)  # type: ignore[arg-type]
        await line.start_api()
        yield line
        await stop(line.api)


@pytest.fixture
def terminal(line: Line, tmp_path: Path) -> Terminal:
    (tmp_path / "credentials.json").write_bytes((line.house.home / "credentials.json").read_bytes())
    return Terminal(tmp_path, line.url)


async def follows(line: Line, count: int) -> None:
    """So many events of the account `admin`, of a follow taken up and given up again."""
    async with httpx.AsyncClient(base_url=line.url, headers=line.house.bearer(), timeout=30) as client:
        for number in range(count):
            body = {"username": "bob", "email": "b@example.org", "password": "correct horse battery"}
            await client.post("/v1/accounts", json=body)
            answer = await client.request("DELETE" if number % 2 else "PUT", "/v1/accounts/bob/follow")
            assert answer.status_code == 204, answer.text


async def said(process: asyncio.subprocess.Process, count: int) -> list[dict[str, Any]]:
    """The next documents that a process prints."""
    assert process.stdout
    async with asyncio.timeout(30):
        return [json.loads(await process.stdout.readline()) for _ in range(count)]


async def test_what_was_is_printed_and_then_what_happens(line: Line, terminal: Terminal) -> None:
    await follows(line, 2)
    process = await terminal.start("watch", "--all", "--count", 5, "--json")
    seen = await said(process, 3)
    assert [one["type"] for one in seen] == [
        "framelog.account.registered.v1",
        "framelog.account.followed.v1",
        "framelog.account.unfollowed.v1",
    ]
    await follows(line, 2)
    seen += await said(process, 2)
    _, err = await process.communicate()
    assert (process.returncode, f"--after {seen[-1]['id']}" in err.decode().replace("\n", "")) == (0, True)
    assert len({one["event_id"] for one in seen}) == 5
    rest = await terminal.run("watch", "--after", seen[2]["id"], "--count", 2, "--json")
    assert rest.documents == seen[3:]


async def test_a_line_per_event_for_people_and_pipes(line: Line, terminal: Terminal) -> None:
    process = await terminal.start("watch", "--count", 1)
    printing = asyncio.create_task(process.communicate())
    while not printing.done():  # it begins when it does
        await follows(line, 2)
        await asyncio.wait((printing,), timeout=0.2)
    (printed,) = printing.result()[0].decode().splitlines()
    assert printed.split("\t")[1] in ("account.followed", "account.unfollowed")
    assert printed.split("\t")[2:] == ["admin", "", "account bob"]
    code, screen = await terminal.on_screen("watch", "--all", "--count", 1)
    assert (code, "account.registered" in screen, "to go on: framelog watch --after" in screen) == (0, True, True)


async def test_it_goes_on_where_the_api_starts_again(line: Line, terminal: Terminal) -> None:
    before = await terminal.run("watch", "--all", "--count", 1, "--json")
    process = await terminal.start("watch", "--after", before.documents[0]["id"], "--json")
    async with asyncio.timeout(20):
        assert process.stdout
        await process.stdout.readline()
    for by in (signal.SIGTERM, signal.SIGKILL):
        line.api.send_signal(by)
        await line.api.wait()
        await asyncio.sleep(1)
        await line.start_api()
        await answering(line.url)
        await follows(line, 2)
    every = (await terminal.run("watch", "--all", "--count", await recorded(line), "--json")).documents
    seen = [one["event_id"] for one in await said(process, len(every) - 2)]
    assert seen == [one["event_id"] for one in every[2:]]
    process.send_signal(signal.SIGINT)
    _, err = await process.communicate()
    assert process.returncode == 130
    assert every[-1]["id"] in err.decode().replace("\n", "")


async def recorded(line: Line) -> int:
    """How many events the account `admin` has."""
    async with await psycopg.AsyncConnection.connect(line.house.database) as postgres:
        rows = await postgres.execute("SELECT count(*) FROM framelog.events WHERE owner = 'admin'")
        found = await rows.fetchone()
        assert found
        return int(found[0])


async def test_what_is_no_event_is_said_in_one_line(terminal: Terminal) -> None:
    for asked, words in (
        (("--after", "nonsense"), "no id of an event"),
        (("--after", "x", "--all"), "say one of them"),
    ):
        ran = await terminal.run("watch", *asked)
        assert (ran.code, ran.out) == (2, "")
        assert words in ran.err.splitlines()[0]


async def lines(*given: str) -> AsyncIterator[str]:
    for one in given:
        yield one


async def test_an_event_that_was_cut_short_is_none() -> None:
    stream = lines(
        ": hello", "", "id: 1", "data: {", "data: }", "retry: 5", "", "id:2", "", ": still here", "", "id: 3"
    )
    assert [one async for one in blocks(stream)] == [("", ""), ("1", "{\n}"), ("2", ""), ("", "")]
