"""What cannot be rebuilt, verified, migrated or tried again: one line with the remedy, an exit code, nothing changed.

Where each kind of it is tried, all under tests/:

| what | where |
|---|---|
| times and positions that are unknown, in the future, or before the first event | test_a_place_that_is_nowhere_in_the_log_is_refused |
| a topic that was truncated | test_what_was_cut_off_a_topic_is_named, integration/test_rebuild_command.py |
| a topic that was truncated beyond where the rows stand | test_a_projector_does_not_go_on_behind_a_gap |
| a topic that was deleted | test_a_topic_that_was_deleted_is_named |
| a topic that was deleted and made anew | test_a_topic_that_was_made_anew_is_another_one |
| … while it is followed | test_a_projector_stops_when_its_topic_is_deleted, test_a_projector_stops_when_its_topic_is_made_anew |
| rows that stand beyond the end of the log | test_rows_beyond_the_end_of_the_log_are_not_followed |
| a half-written migration | test_a_half_written_migration_leaves_nothing |
| … that was killed in the middle | test_a_migration_that_was_killed_leaves_nothing |
| a migration that has not been applied yet | test_what_is_not_migrated_is_not_started |
| a schema newer than the code | test_a_database_that_newer_code_has_migrated_is_left_alone |
| a schema of the past that other code has made | e2e/test_as_of_search.py |
| two rebuilds at once | test_one_build_at_a_time_whatever_it_is_for, integration/test_rebuild_command.py |
| a dead letter that is retried twice, or discarded twice | e2e/test_dead_letters.py, integration/test_dead_letters.py |
"""  # noqa: E501

import asyncio
import re
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import RecordsToDelete
from psycopg import AsyncConnection, OperationalError

import migrations
from adapters.admin import admin, create_topics, delete_topics
from adapters.ends import partition_of
from adapters.log import Log
from cli import main
from contracts.topics import IMAGES
from deploy.local.display import Display
from deploy.local.prepare import prepare
from deploy.local.refusal import CannotStart
from services.projector import whole
from services.projector.switching import alone
from services.settings import Api
from tests import events
from tests.cli.running import Ran
from tests.events import cause, uid
from tests.integration.rebuilding import PROJECTOR, lives, settled
from tests.running import House
from tests.waiting import until

FUTURE = "9999_from_the_future.sql"
Command = Callable[..., Awaitable[Ran]]


@pytest.fixture
def framelog(house: House, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """A command in this process, as far as it is from the one that tests run in: a thread, with an environment."""
    for name, value in house.environment().items():
        monkeypatch.setenv(name, value)

    async def run(*arguments: str) -> Ran:
        capsys.readouterr()
        code = await asyncio.to_thread(main.run, arguments)
        return Ran(code, *capsys.readouterr())

    return run


STANDS = """
SELECT name, state, NULL, NULL FROM projection.schemas
UNION ALL SELECT schema, topic, partition::text, next_offset FROM projection.offsets WHERE next_offset > 0
UNION ALL SELECT nspname, NULL, NULL, NULL FROM pg_namespace WHERE nspname ~ '^(read_model|as_of|verified)_'
ORDER BY 1, 2, 3
"""


async def stands(house: House) -> list[tuple[str, str, str, int]]:
    """All that is told of read models, and their schemas."""
    async with await AsyncConnection.connect(house.database) as connection:
        return await (await connection.execute(STANDS)).fetchall()


async def end_of_first(house: House) -> int:
    """Where the rows stand in partition 0 of the topic of images."""
    return next(row[3] for row in await stands(house) if row[1:3] == (IMAGES.name, "0"))


async def projected(house: House, log: Log, count: int = 10) -> None:
    async with house.run(PROJECTOR):
        await lives(log, 0, count)
        await settled(house)


async def ends_of(house: House, module: str, **settings: object) -> tuple[int | None, str]:
    """The exit code of a service that does not start, and the one line that it says."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", module),
        env=house.environment(**settings),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    return await said_by(process)


async def said_by(process: asyncio.subprocess.Process) -> tuple[int | None, str]:
    try:
        _, said = await asyncio.wait_for(process.communicate(), 40)
    except TimeoutError:
        process.kill()
        raise
    lines = [line for line in said.decode().splitlines() if not line.startswith("{")]
    assert len(lines) == 1, said.decode()
    return process.returncode, lines[0]


def is_refused(ran: Ran, code: int, *parts: str) -> None:
    assert (ran.code, ran.out, len(ran.err.splitlines())) == (code, "", 1), ran
    for part in parts:
        assert part in ran.err


def test_every_test_of_the_table_is_there() -> None:
    here, tests = Path(__file__).read_text(), Path(__file__).parents[1]
    for name in re.findall(r"\btest_\w+\b(?!\.py)", __doc__ or ""):
        assert f"def {name}(" in here, name
    for path in re.findall(r"\w+/test_\w+\.py", __doc__ or ""):
        assert (tests / path).exists(), path


# Places.


async def test_a_place_that_is_nowhere_in_the_log_is_refused(house: House, log: Log, framelog: Command) -> None:
    await projected(house, log, 2)
    before = await stands(house)
    for place, part in (
        ("yesterday", "neither a time like"),
        ("", "neither a time like"),
        ("framelog.images", "neither a time like"),
        ("framelog.images:0:-1", "neither a time like"),
        ("2000-01-01", "nothing was in the log at"),
        ("0001-01-01", "nothing was in the log at"),
        ("0001-01-01T00:00:00+14:00", "nothing was in the log at"),
        ("2100-01-01T00:00:00Z", "the log ends before"),
        ("9999-12-31T23:59:59.999999-12:00", "the log ends before"),
        ("framelog.images:0:999999", "choose an earlier one"),
        ("framelog.images:99:0", "no such topic and partition; a position is topic:partition:offset"),
        ("framelog.nothing:0:0", "no such topic and partition; a position is topic:partition:offset"),
        ("framelog.images:99999999999999999999:0", "no such topic and partition"),
    ):
        is_refused(await framelog("rebuild", "--until", place), 2, part)
    assert await stands(house) == before


# The log.


async def cut_off(house: House, partition: int, before: int) -> None:
    at = TopicPartition(house.names.physical(IMAGES.name), partition)
    async with admin(house.stack.kafka) as client:
        await client.delete_records({at: RecordsToDelete(before_offset=before)})


async def test_what_was_cut_off_a_topic_is_named(house: House, log: Log, framelog: Command) -> None:
    await projected(house, log, 20)
    before = await stands(house)
    await cut_off(house, 0, 2)
    for arguments in (
        ("rebuild",),
        ("rebuild", "--no-switch"),
        ("verify",),
        ("rebuild", "--until", "framelog.images:0:2"),
        ("rebuild", "--until", "framelog.images:0:1"),
    ):
        ran = await framelog(*arguments)
        is_refused(ran, 1, "framelog.images:0 holds 2–", ": 0–2 is missing; ", "restore it from a replica or a backup")
    assert await stands(house) == before


async def test_a_projector_does_not_go_on_behind_a_gap(house: House, log: Log) -> None:
    await projected(house, log)
    end = await end_of_first(house)
    await log_more(log, 3)
    before = await stands(house)
    await cut_off(house, 0, end + 2)
    code, line = await ends_of(house, PROJECTOR)
    assert (code, await stands(house)) == (1, before)
    assert f"framelog.images:0 holds {end + 2}–{end + 3}: {end}–{end + 2} is missing; the log is no longer" in line


async def log_more(log: Log, count: int) -> None:
    """So many records more in partition 0 of the topic of images."""
    names = iter(f"more {number}" for number in range(10_000))
    while count:
        image = uid(next(names))
        if partition_of(IMAGES, str(image)) == 0:
            await log.append(events.uploaded(image), cause(image))
            count -= 1


async def deleted(house: House) -> None:
    topic = house.names.physical(IMAGES.name)
    await delete_topics(house.stack.kafka, house.names, [IMAGES])
    async with admin(house.stack.kafka) as client:

        async def gone() -> bool:
            return topic not in await client.list_topics()

        await until(gone)


async def made_anew(house: House) -> None:
    await deleted(house)
    await create_topics(house.stack.kafka, house.names, [IMAGES])


async def test_a_topic_that_was_deleted_is_named(
    house: House, log: Log, framelog: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(whole, "LOOKS", 1)
    await projected(house, log)
    before = await stands(house)
    await deleted(house)
    for arguments in (("rebuild",), ("verify",), ("rebuild", "--until", "2020-01-01")):
        is_refused(await framelog(*arguments), 1, "Kafka has no topic", "framelog.images: all of it is missing; ")
    code, line = await ends_of(house, PROJECTOR)
    assert (code, "framelog.images: all of it is missing; " in line) == (1, True), line
    assert await stands(house) == before
    await create_topics(house.stack.kafka, house.names, [IMAGES])


async def test_a_topic_that_was_made_anew_is_another_one(house: House, log: Log, framelog: Command) -> None:
    await projected(house, log)
    before = await stands(house)
    await made_anew(house)
    for arguments in (("rebuild",), ("verify",)):
        is_refused(
            await framelog(*arguments), 1, "framelog.images:", " holds 0–0: 0–", "is missing; the log is no longer"
        )
    code, line = await ends_of(house, PROJECTOR)
    assert code == 1
    assert re.search(r"framelog\.images:\d+ holds 0–0: 0–\d+ is missing; ", line)
    assert await stands(house) == before


async def stops_when(house: House, log: Log, away: Callable[[House], Awaitable[None]]) -> tuple[int | None, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", PROJECTOR),
        env=house.environment(),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        for start in (0, 10):  # what comes the second time, it follows
            await lives(log, start, 10)
            await settled(house)
        before = await stands(house)
        await away(house)
        ended = await said_by(process)
    finally:
        if process.returncode is None:
            process.kill()
    assert await stands(house) == before
    return ended


async def test_a_projector_stops_when_its_topic_is_deleted(house: House, log: Log) -> None:
    code, line = await stops_when(house, log, deleted)
    assert code == 1
    assert "framelog.images: all of it is missing; " in line
    await create_topics(house.stack.kafka, house.names, [IMAGES])


async def test_a_projector_stops_when_its_topic_is_made_anew(house: House, log: Log) -> None:
    code, line = await stops_when(house, log, made_anew)
    assert code == 1
    assert "framelog.images" in line
    assert "is missing; the log is no longer whole" in line


async def test_rows_beyond_the_end_of_the_log_are_not_followed(house: House, log: Log, framelog: Command) -> None:
    await projected(house, log)
    async with await AsyncConnection.connect(house.database, autocommit=True) as connection:
        await connection.execute(
            "UPDATE projection.offsets SET next_offset = next_offset + 100 WHERE (topic, partition) = (%s, 0)",
            (IMAGES.name,),
        )
    before = await stands(house)
    end = await end_of_first(house) - 100
    said = f"framelog.images:0 holds 0–{end}: {end}–{end + 100} is missing; "
    for arguments in (("rebuild",), ("verify",)):
        is_refused(await framelog(*arguments), 1, said)
    code, line = await ends_of(house, PROJECTOR)
    assert (code, said in line) == (1, True), line
    assert await stands(house) == before


# The database.


TERMINATE = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'
"""


class File:
    """A migration that is there for one test."""

    name = "0099_half.sql"

    def __init__(self, sql: str) -> None:
        self._sql = sql

    def read_bytes(self) -> bytes:
        return self._sql.encode()


def with_one_more(monkeypatch: pytest.MonkeyPatch, sql: str) -> None:
    files = [file for file in migrations._files() if file.name != File.name]
    monkeypatch.setattr(migrations, "_files", lambda: [*files, File(sql)])


HALF = """
SELECT to_regclass('unlogged.half') IS NOT NULL, EXISTS (SELECT FROM public.migrations WHERE name = %s)
"""


async def half(house: House) -> tuple[bool, bool] | None:
    """Whether the test's table is there, and whether its migration counts as applied."""
    async with await AsyncConnection.connect(house.database) as connection:
        return await (await connection.execute(HALF, (File.name,))).fetchone()


async def test_a_half_written_migration_leaves_nothing(
    house: House, framelog: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_one_more(monkeypatch, "CREATE TABLE unlogged.half (one int); ALTER TABLE unlogged.half ADD COL")
    is_refused(await framelog("migrate"), 2, "0099_half.sql cannot be applied: syntax error", "put the file back")
    with pytest.raises(CannotStart, match=r"0099_half\.sql cannot be applied: syntax error"):
        await prepare(settings(house), Display().step)
    assert await half(house) == (False, False)
    with_one_more(monkeypatch, "CREATE TABLE unlogged.half (one int)")
    assert (await framelog("migrate")).out == "applied 0099_half.sql\n"
    assert await half(house) == (True, True)


def settings(house: House) -> Api:
    stack = house.stack
    return Api(
        kafka=stack.kafka,
        s3=stack.s3,
        s3_access_key=stack.s3_access_key,
        s3_secret_key=stack.s3_secret_key,
        s3_bucket=house.bucket,
        postgres=house.database,
        topic_prefix=house.names.prefix,
        home=house.home,
    )


async def test_a_migration_that_was_killed_leaves_nothing(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    with_one_more(monkeypatch, "CREATE TABLE unlogged.half (one int); SELECT pg_sleep(60)")
    migrating = asyncio.create_task(migrations.migrate(house.database))
    async with await AsyncConnection.connect(house.database, autocommit=True) as connection:

        async def terminated() -> bool:
            return bool(await (await connection.execute(TERMINATE)).fetchall())

        await until(terminated)
    with pytest.raises(OperationalError):
        await migrating
    assert await half(house) == (False, False)
    with_one_more(monkeypatch, "CREATE TABLE unlogged.half (one int)")
    assert await migrations.migrate(house.database) == [File.name]


async def test_what_is_not_migrated_is_not_started(
    house: House, framelog: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with await AsyncConnection.connect(house.database, autocommit=True) as connection:
        await connection.execute("DELETE FROM public.migrations WHERE name >= '0007'")
    lacking = "0007_callbacks.sql, 0008_builds.sql, 0009_callback_traces.sql, 0010_orphans.sql"
    said = f"the database lacks {lacking}; `framelog migrate` applies what is missing"
    for command in ("rebuild", "verify"):
        is_refused(await framelog(command), 2, said)
    assert await ends_of(house, PROJECTOR) == (2, said)


async def test_a_database_that_newer_code_has_migrated_is_left_alone(house: House, log: Log, framelog: Command) -> None:
    await projected(house, log, 1)
    async with house.api():
        pass  # it makes the keys, which the notifier asks for first
    async with await AsyncConnection.connect(house.database, autocommit=True) as connection:
        await connection.execute("INSERT INTO public.migrations (name) VALUES (%s)", (FUTURE,))
    before = await stands(house)
    said = f"the database was migrated by newer code ({FUTURE}): start that version, or a later one"
    for arguments in (
        ("migrate",),
        ("migrate", "--status"),
        ("rebuild",),
        ("rebuild", "--rollback"),
        ("verify",),
        ("search", "--as-of-schema", "as_of_1", "--account", "alice"),
    ):
        is_refused(await framelog(*arguments), 2, said)
    for service in (PROJECTOR, "services.notifier", "services.api"):
        assert await ends_of(house, service) == (2, said)
    with pytest.raises(CannotStart, match="migrated by newer code"):
        await prepare(settings(house), Display().step)
    assert await stands(house) == before


# Two at once.


async def test_one_build_at_a_time_whatever_it_is_for(house: House, log: Log, framelog: Command) -> None:
    await projected(house, log, 20)
    before = await stands(house)
    async with alone(house.database):
        for arguments in (
            ("rebuild",),
            ("rebuild", "--no-switch"),
            ("rebuild", "--rollback"),
            ("rebuild", "--until", f"framelog.images:0:{await end_of_first(house) - 1}"),
            ("rebuild", "--drop", "as_of_1"),
            ("verify",),
        ):
            is_refused(await framelog(*arguments), 1, "another build is under way; `framelog rebuild --status`")
    assert await stands(house) == before
