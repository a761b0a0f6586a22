"""Who falls asleep keeps nobody from taking over, be it in the middle of a batch or through two rebuilds."""

import asyncio

import pytest
from psycopg import AsyncConnection

from contracts.events import Position
from contracts.topics import IMAGES
from services.projector import schema
from services.projector import store as stores
from services.projector.fold import cut, fold, touched
from services.projector.store import LOST, Move, Start, Store, Switched
from tests import events
from tests.events import uid
from tests.running import House

AT = (IMAGES.name, 3)


@pytest.mark.parametrize("saved", [False, True], ids=["read", "saved"])
async def test_a_batch_that_is_left_open_is_taken_back_though_its_last_statements_went_in_a_pipeline(
    house: House, monkeypatch: pytest.MonkeyPatch, saved: bool
) -> None:
    monkeypatch.setattr(stores, "LET_GO", "-c idle_in_transaction_session_timeout=500")
    async with await AsyncConnection.connect(house.database, autocommit=True) as connection:
        name = await schema.ensure(connection)
    sleeper, other = await Store.connect(house.database, name), await Store.connect(house.database, name)
    start = (await sleeper.claim([AT]))[AT]
    with pytest.raises(LOST, match=r"idle-in-transaction timeout|closed"):
        await overslept(sleeper, start, other, saved)
    await asyncio.gather(sleeper.close(), other.close())


async def overslept(sleeper: Store, start: Start, other: Store, saved: bool) -> None:
    """A batch that is not committed before another has claimed its partition."""
    batch = [cut(events.recorded(events.uploaded(uid(1)), 1, Position(*AT, 0)))]
    async with sleeper.moving([Move(*AT, start, 1, start.append_time)]):
        prior = await sleeper.prior(touched(batch))
        if saved:
            await sleeper.save(prior, fold(prior, batch))
        async with asyncio.timeout(5):
            assert (await other.claim([AT]))[AT].next_offset == 0


async def test_a_read_model_that_was_dropped_is_nobodys(house: House) -> None:
    async with await AsyncConnection.connect(house.database, autocommit=True) as connection:
        async with connection.transaction():
            name = await schema.create(connection)
        await schema.drop(connection, name)
    with pytest.raises(Switched):
        await Store.connect(house.database, name)
