"""A rebuild on real Kafka and Postgres: the rows that a live projector folds, and no others."""

from pathlib import Path

import pytest
from psycopg import AsyncConnection

from adapters.log import Log
from services.projector import build, schema
from services.projector.crew import BuilderDied
from services.projector.positions import ends
from services.projector.rebuild import Rebuild
from services.projector.source import Log as Source
from services.projector.whole import LogBroken
from tests.events import uid
from tests.integration.rebuilding import IMAGES, MIB, PROJECTOR, lives, means, rebuilt, served, settled
from tests.processes import children
from tests.running import House


@pytest.fixture
def side_by_side(monkeypatch: pytest.MonkeyPatch) -> None:
    """However short the log and little the memory, several processes fold it if they may."""
    monkeypatch.setattr(build, "FEW", 0)
    monkeypatch.setattr(build, "LEAST", 1)


@pytest.mark.usefixtures("side_by_side")
@pytest.mark.parametrize(("memory", "processes"), [(512 * MIB, 1), (40_000, 1), (80_000, 2)])
async def test_a_rebuild_comes_to_the_same_rows_and_is_served(
    house: House, log: Log, tmp_path: Path, memory: int, processes: int
) -> None:
    async with house.run(PROJECTOR):
        await lives(log)
        await settled(house)
        before, folded = await served(house)
        made = await rebuilt(house, tmp_path / "spill", memory, processes)
        after, built = await served(house)
        assert (made.schema, made.before) == (after, before)
        assert made.differences == ()
        assert folded == built
        assert built["images"].rows == IMAGES
        await lives(log, IMAGES, 5)
        await settled(house)
        _, last = await served(house)
        assert last["images"].rows == IMAGES + 5
    assert not (tmp_path / "spill").exists() or not list((tmp_path / "spill").iterdir())


@pytest.mark.usefixtures("side_by_side")
async def test_a_process_of_a_build_that_is_killed_ends_the_build_and_the_next_one_goes_on(
    house: House, log: Log, tmp_path: Path
) -> None:
    await lives(log)
    told: list[tuple[str, int]] = []

    def kill(phase: str, done: int, total: int) -> None:
        told.append((phase, done))
        if 0 < done < total:
            for child in children("services.projector.builder"):
                child.kill()

    with pytest.raises(BuilderDied, match=r"ended with -9; the same command goes on"):
        await Rebuild(means(house, tmp_path, processes=2, tell=kill)).run()
    begun, told[:] = dict(told)["folding"], []
    made = await Rebuild(means(house, tmp_path, processes=2, tell=lambda *at: told.append(at[:2]))).run()
    assert dict(reversed(told))["folding"] >= begun > 0, "what was folded is not folded again"
    assert made.digests["images"].rows == IMAGES
    async with await AsyncConnection.connect(house.database) as connection:
        rows = await connection.execute("SELECT name FROM projection.schemas")
        assert await rows.fetchall() == [(made.schema,)]


@pytest.mark.usefixtures("side_by_side")
async def test_what_a_process_of_a_build_finds_broken_is_said_by_the_build(
    house: House, log: Log, tmp_path: Path
) -> None:
    await lives(log)
    goal = dict(await ends(Source(house.stack.kafka, house.names)))
    last = max(goal, key=lambda at: goal[at])
    async with await AsyncConnection.connect(house.database) as connection:
        name = await schema.create(connection)
    with pytest.raises(LogBroken, match=rf"{last[0]}:{last[1]} holds 0–(\d+): \1–{goal[last] + 1} is missing; [^;]*$"):
        await means(house, tmp_path, processes=2).building(name).build(goal | {last: goal[last] + 1})
    assert children("services.projector.builder") == []


async def test_what_a_live_projector_folds_event_by_event_a_build_folds_alike(
    house: House, log: Log, tmp_path: Path
) -> None:
    async with house.run(PROJECTOR, projector_batch=1):
        await lives(log, 0, 10)
        await settled(house)
    _, folded = await served(house)
    made = await rebuilt(house, tmp_path)
    assert (made.digests, made.digests_before) == (folded, folded)


async def test_a_cell_that_was_changed_by_hand_is_named_and_put_right(house: House, log: Log, tmp_path: Path) -> None:
    async with house.run(PROJECTOR):
        await lives(log, 0, 5)
        await settled(house)
        name, right = await served(house)
        async with await AsyncConnection.connect(house.database, autocommit=True) as connection:
            await connection.execute(
                f"UPDATE {name}.images SET title = 'x' WHERE image_id = %s".encode(), (uid("image 3"),)
            )
            await connection.execute(f"DELETE FROM {name}.likes WHERE account = 'fan1'".encode())
        made = await rebuilt(house, tmp_path)
    assert {str(one) for one in made.differences if one.table == "images"} == {
        f"images {uid('image 3')}: differs in title"
    }
    assert {one.only for one in made.differences if one.table == "likes"} == {"rebuilt"}
    assert (await served(house))[1] == right


async def test_indexes_and_keys_of_a_build_are_those_of_the_sql(house: House, log: Log, tmp_path: Path) -> None:
    async with house.run(PROJECTOR):
        await lives(log, 0, 1)
        await settled(house)
    made = await rebuilt(house, tmp_path)
    async with await AsyncConnection.connect(house.database, autocommit=True) as connection:
        await connection.execute("CREATE SCHEMA plain; SET search_path TO plain")
        for file in ("tables.sql", "indexes.sql", "views.sql"):
            await connection.execute((Path("contracts/read_model") / file).read_bytes())
        query = "SELECT replace(indexdef, %s || '.', '') FROM pg_indexes WHERE schemaname = %s ORDER BY 1"
        found = [await (await connection.execute(query, (name, name))).fetchall() for name in ("plain", made.schema)]
    assert found[0] == found[1]
