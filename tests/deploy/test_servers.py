"""The three real servers: found again after a stop, a kill, a crash; and what stands in the way of a start."""

import asyncio
import json
import os
import signal
import stat
import subprocess
from pathlib import Path

import psycopg
import pytest
from aiokafka import AIOKafkaProducer, TopicPartition

from adapters.admin import admin, create_topics
from adapters.groups import analyzer_group, create_groups, group_offsets
from adapters.log import Names
from deploy.local import ports
from deploy.local.home import Addresses, Home
from deploy.local.postgres import has_database, postgres, url
from deploy.local.preflight import refuse_lacking
from deploy.local.refusal import CannotStart
from deploy.local.servers import Given, Servers, start
from deploy.local.supervisor import Supervisor
from tests.deploy.conftest import running_in

NAMES = Names("mine-")
FIRST = TopicPartition("mine-framelog.images", 0)


async def leave_something(at: Addresses) -> None:
    await create_topics(at.kafka, NAMES)
    await create_groups(at.kafka, NAMES, ["core"])
    async with AIOKafkaProducer(bootstrap_servers=at.kafka, acks="all") as producer:
        await producer.send_and_wait(FIRST.topic, b"{}", partition=0)
    async with await psycopg.AsyncConnection.connect(at.postgres) as connection:
        await connection.execute("CREATE TABLE left_here (what text)")


async def find_it_again(at: Addresses) -> None:
    """The topics, and the group's place: moved to the end, the event above would never be analysed."""
    assert await create_topics(at.kafka, NAMES) == []
    assert await create_groups(at.kafka, NAMES, ["core"]) == []
    assert (await group_offsets(at.kafka, analyzer_group(NAMES, "core")))[FIRST] == 0
    async with await psycopg.AsyncConnection.connect(at.postgres) as connection:
        await connection.execute("SELECT what FROM left_here")


async def test_servers_stop_without_a_trace_and_find_their_data_again(home: Home) -> None:
    async with Servers(home) as first:
        await leave_something(first)
        names = {one.info["name"] for one in running_in(home.path)} - {"python"}
        assert {"java", "minio", "postgres"} <= names
        secrets = [home.path / "secrets.json", home.endpoints]
        assert [stat.S_IMODE(path.stat().st_mode) for path in secrets] == [0o600, 0o600]
    assert running_in(home.path) == []
    async with Servers(home) as second:
        assert second == first
        await find_it_again(second)


@pytest.mark.long
async def test_servers_recover_from_the_kill_of_every_one_of_them(home: Home) -> None:
    said: list[str] = []
    servers = Servers(home, said.append)
    async with servers as at:
        await leave_something(at)
        pids = {
            name: json.loads((home.run / f"{name}.json").read_text())["pid"] for name in ("kafka", "minio", "postgres")
        }
        for pid in pids.values():
            os.kill(pid, signal.SIGKILL)
        await asyncio.sleep(0.2)
        await asyncio.gather(*(kept.ready(60) for kept in servers.supervisor.kept))
        await find_it_again(at)
    assert sorted(line.split()[0] for line in said if "killed by SIGKILL" in line) == ["kafka", "minio", "postgres"]


@pytest.mark.long
async def test_two_stacks_run_side_by_side(home: Home) -> None:
    other = Home(home.path / "other")
    async with Servers(home) as one, Servers(other) as two:
        assert {one.kafka, one.s3, one.postgres}.isdisjoint({two.kafka, two.s3, two.postgres})
        await create_topics(one.kafka, NAMES)
        async with admin(two.kafka) as client:
            assert FIRST.topic not in await client.list_topics()


async def test_a_given_server_that_does_not_answer_is_named_without_its_password(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deploy.local.servers.GIVEN_PATIENCE", 0.5)
    (port,) = ports.choose([None])
    given = Given(
        kafka=f"127.0.0.1:{port}",
        s3=(f"http://127.0.0.1:{port}", "", ""),
        postgres=f"postgresql://me:secret@127.0.0.1:{port}/x",
    )
    async with Supervisor(home) as supervisor:
        with pytest.raises(
            CannotStart, match=r"at 127\.0\.0\.1:\d+.* does not answer: start it, or unset FRAMELOG_"
        ) as refused:
            await start(supervisor, given)
    assert "secret" not in str(refused.value)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives its Postgres another user")
def test_a_directory_that_postgres_cannot_enter_is_named_before_anything_starts(home: Home) -> None:
    closed = home.path / "closed"
    closed.mkdir(mode=0o700)
    inside = Home(closed / "stack")
    inside.prepare()
    with pytest.raises(
        CannotStart, match=rf"^{closed}: Postgres runs as \w+, who cannot enter it: chmod o\+x {closed}"
    ):
        refuse_lacking(inside, kafka=True, s3=True, postgres=True)


def test_a_home_that_cannot_be_written_is_named_with_the_remedy() -> None:
    with pytest.raises(CannotStart, match=r"^/proc/framelog: cannot be written .*; set FRAMELOG_HOME to a directory"):
        Home(Path("/proc/framelog")).prepare()


async def test_a_password_that_was_lost_is_said(home: Home) -> None:
    (port,) = ports.choose([None])
    async with Supervisor(home) as supervisor:
        await supervisor.launch(postgres(home, "old", port)).ready(30)
        with pytest.raises(CannotStart, match=r"the password in secrets\.json is not the one its data was made with"):
            await has_database(url("new", port))


def test_a_remembered_port_that_somebody_took_is_replaced() -> None:
    (port,) = ports.choose([None])
    assert ports.choose([port]) == [port]
    taker = subprocess.Popen(
        ["python3", "-m", "http.server", "--bind", "127.0.0.1", str(port)], stderr=subprocess.DEVNULL
    )
    try:
        while ports.free("127.0.0.1", port):
            pass
        assert ports.choose([port]) != [port]
    finally:
        taker.kill()
        taker.wait()
