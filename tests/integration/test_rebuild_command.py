"""A rebuild as people run it: beside readers, killed, twice at once, and back again. Never half of it is seen."""

import asyncio
import json
import random
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from psycopg import AsyncConnection
from psycopg.conninfo import conninfo_to_dict
from psycopg.sql import SQL, Identifier

from adapters.log import Log
from adapters.read_model import ReadModel
from migrations import migrate
from services.projector import schema
from services.projector.digest import digests
from services.projector.switching import alone
from tests import events
from tests.events import cause, uid
from tests.integration.rebuilding import (
    PROJECTOR,
    framelog,
    lives,
    rebuilt,
    said,
    served,
    settled,
)
from tests.running import House, answers, versions_told


@asynccontextmanager
async def reading(house: House) -> AsyncIterator[list[int]]:
    """Somebody who reads all the time: the versions of one image as they were seen. Any error is the test's."""
    seen: list[int] = []

    async def read() -> None:
        async with ReadModel(house.database) as read_model:
            while True:
                found = await read_model.image(uid("image 1"))
                assert found
                seen.append(found.image.version)
                await asyncio.sleep(0.01)

    task = asyncio.create_task(read())
    try:
        yield seen
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def test_reads_go_on_and_never_fall_back_while_it_is_killed_again_and_again(
    house: House, log: Log, tmp_path: Path
) -> None:
    async with house.run(PROJECTOR):
        await lives(log, 0, 400)
        await settled(house)
        before, folded = await served(house)
        async with reading(house) as seen:
            delays = random.Random(7)
            for _ in range(8):
                process = await framelog(house, "rebuild", "--json")
                with suppress(TimeoutError):
                    await asyncio.wait_for(process.wait(), 1.0 + delays.random() * 2)
                if process.returncode is None:
                    process.kill()
                await process.wait()
            await lives(log, 400, 5)
            await settled(house)
            code, _, err = await said(await framelog(house, "rebuild", "--json"))
            assert code == 0, err
            await settled(house)
        assert seen == sorted(seen)
        after, built = await served(house)
        assert after != before
        assert (folded["images"].rows, built["images"].rows) == (400, 405)
        code, out, _ = await said(await framelog(house, "verify", "--json"))
        assert (code, json.loads(out)["equal"]) == (0, True)
    async with await AsyncConnection.connect(house.database, autocommit=True) as connection:
        left = await (await connection.execute("SELECT state FROM projection.schemas ORDER BY 1")).fetchall()
        assert left == [("ready",), ("retired",)]


async def test_what_a_killed_verify_has_left_is_no_rebuild_to_go_on_with(
    house: House, log: Log, tmp_path: Path
) -> None:
    async with house.run(PROJECTOR):
        await lives(log, 0, 5)
        await settled(house)
        _, folded = await served(house)
        async with await AsyncConnection.connect(house.database, autocommit=True) as connection:
            async with connection.transaction():
                left = await schema.create(connection, "verified")
            made = await rebuilt(house, tmp_path)
            there = await connection.execute("SELECT 1 FROM pg_namespace WHERE nspname = %s", (left,))
            assert await there.fetchone() is None
    assert made.schema.startswith("read_model_")
    assert made.digests == folded


async def test_who_slept_through_two_rebuilds_follows_the_second(house: House, log: Log, tmp_path: Path) -> None:
    async with house.run(PROJECTOR) as sleeper:
        await lives(log, 0, 5)
        await settled(house)
        sleeper.send_signal(signal.SIGSTOP)
        await rebuilt(house, tmp_path)
        await rebuilt(house, tmp_path)
        sleeper.send_signal(signal.SIGCONT)
        await lives(log, 5, 5)
        await settled(house)
        assert sleeper.returncode is None


async def test_two_rebuilds_at_once_are_one_and_a_refusal(house: House, log: Log, tmp_path: Path) -> None:
    async with house.run(PROJECTOR):
        await lives(log, 0, 5)
        await settled(house)
        async with alone(house.database):
            code, _, err = await said(await framelog(house, "rebuild"))
        assert (code, err.splitlines()) == (
            1,
            ["framelog: another build is under way; `framelog rebuild --status` shows how far it is"],
        )


async def test_one_goes_back_to_what_was_served_before_with_all_that_came_since(
    house: House, log: Log, tmp_path: Path
) -> None:
    async with house.run(PROJECTOR):
        await lives(log, 0, 10)
        await settled(house)
        code, _, err = await said(await framelog(house, "rebuild", "--rollback"))
        assert (code, err) == (1, "framelog: no read model is kept from before; only a rebuild leaves one\n")
        first, _ = await served(house)
        await rebuilt(house, tmp_path)
        await lives(log, 10, 10)
        await settled(house)
        second, newest = await served(house)
        code, out, err = await said(await framelog(house, "rebuild", "--rollback", "--json"))
        assert (code, json.loads(out)["schema"], json.loads(out)["before"]) == (0, first, second), err
        assert await served(house) == (first, newest)
        await lives(log, 20, 1)
        await settled(house)
        assert (await served(house))[1]["images"].rows == 21


async def test_verify_names_the_table_the_key_and_the_column_and_changes_nothing(
    house: House, log: Log, tmp_path: Path
) -> None:
    async with house.run(PROJECTOR):
        await lives(log, 0, 5)
        await settled(house)
        name, _ = await served(house)
        async with await AsyncConnection.connect(house.database, autocommit=True) as connection:
            await connection.execute(
                f"UPDATE {name}.accounts SET role = role; UPDATE {name}.posts SET likes = likes + 1"
                f" WHERE post_id = '{uid('post 2')}'".encode()
            )
        code, out, _ = await said(await framelog(house, "verify"))
        assert code == 1
        assert out.splitlines()[-1] == f"posts {uid('post 2')}: differs in likes"
        assert (await served(house))[0] == name
        code, out, _ = await said(await framelog(house, "verify", "--json"))
        assert json.loads(out)["differences"] == [f"posts {uid('post 2')}: differs in likes"]


async def test_a_read_model_as_of_then_is_made_to_be_looked_into(house: House, log: Log, tmp_path: Path) -> None:
    async with house.run(PROJECTOR):
        await lives(log, 0, 5)
        await settled(house)
        _, then = await served(house)
        await asyncio.sleep(0.05)
        cut = datetime.now(UTC)
        await asyncio.sleep(0.05)
        await lives(log, 5, 5)
        await settled(house)
        code, out, err = await said(await framelog(house, "rebuild", "--until", cut.isoformat()))
        assert code == 0, err
        assert await digests(house.database, out.strip()) == then
        name, _ = await served(house)
        for until, code in (
            ("2000-01-01", 2),
            ("2100-01-01T00:00:00Z", 2),
            ("yesterday", 2),
            ("framelog.images:99:0", 2),
            ("framelog.images:0:999999", 2),
        ):
            found = await said(await framelog(house, "rebuild", "--until", until))
            assert (found[0], len(found[2].splitlines())) == (code, 1), found
        assert (await served(house))[0] == name
        assert (await said(await framelog(house, "rebuild", "--drop", out.strip())))[0] == 0
        assert (await said(await framelog(house, "rebuild", "--drop", name)))[0] == 2


async def test_an_empty_database_is_filled_from_the_log_before_it_is_served(
    house: House, log: Log, tmp_path: Path
) -> None:
    async with house.run(PROJECTOR):
        await lives(log, 0, 50)
        await settled(house)
        _, folded = await served(house)
    name = Identifier(str(conninfo_to_dict(house.database)["dbname"]))
    async with await AsyncConnection.connect(house.stack.postgres, autocommit=True) as postgres:
        await postgres.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(name))
        await postgres.execute(SQL("CREATE DATABASE {}").format(name))
    await migrate(house.database)
    async with house.run(PROJECTOR):
        await settled(house)
        assert (await served(house))[1] == folded


async def test_a_log_that_has_lost_records_is_refused(house: House, log: Log, tmp_path: Path) -> None:
    async with house.run(PROJECTOR):
        await lives(log, 0, 20)
        await settled(house)
    before = await served(house)
    topic = TopicPartition(house.names.physical("framelog.images"), 0)
    admin = AIOKafkaAdminClient(bootstrap_servers=house.stack.kafka)
    await admin.start()
    try:
        await admin.delete_records({topic: RecordsToDelete(before_offset=1)})
    finally:
        await admin.close()
    for command in ("rebuild", "verify"):
        code, _, err = await said(await framelog(house, command))
        assert code == 1
        assert "framelog.images:0 holds 1–" in err, err
    assert await served(house) == before


async def test_admins_see_how_far_a_read_model_is_and_what_it_lacks(house: House, log: Log) -> None:
    async with house.run(PROJECTOR) as projector, house.api() as client:
        async with asyncio.timeout(20):
            await answers(client, "/readyz", 200)
            while not versions_told(await client.get("/v1/algorithms")):  # noqa: ASYNC110 - another process tells them
                await asyncio.sleep(0.1)
        await lives(log, 0, 3)
        await settled(house)
        (item,) = (await client.get("/v1/admin/projections")).json()["items"]
        assert (item["schema"], item["state"]) == ((await served(house))[0], "served")
        assert item["lag"] == {"records": 0, "seconds": 0.0}
        projector.send_signal(signal.SIGSTOP)
        try:
            await log.append(events.uploaded(uid("late")), cause("late"))
            await asyncio.sleep(0.3)
            (item,) = (await client.get("/v1/admin/projections")).json()["items"]
        finally:
            projector.send_signal(signal.SIGCONT)
        assert item["lag"]["records"] == 1
        assert 0.2 < item["lag"]["seconds"] < 10
        (behind,) = [one for one in item["partitions"] if one["lag"]["records"]]
        assert (behind["topic"], behind["end_offset"] - behind["next_offset"]) == ("framelog.images", 1)
