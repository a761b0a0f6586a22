"""An account's events while the read model is uneven: what was found never comes before what asked for it."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import pytest_asyncio
from msgspec.structs import replace
from psycopg import AsyncConnection

from adapters.ends import Ends
from adapters.fresh import Fresh
from adapters.log import Log
from adapters.read_model import ReadModel
from contracts.codec import Event
from contracts.dead_letters import Discarded
from contracts.events import Json, Position, Recorded
from contracts.topics import ANALYSES, IMAGES
from services.projector import schema
from services.projector.fold import cut, fold, touched
from services.projector.store import Move, Start, Store
from services.query.feed import Feed
from services.query.places import BEGINNING, Place
from services.query.places import read as read_place
from tests import events
from tests.events import NOON, cause, recorded, uid
from tests.ingest.serving import own_house
from tests.integration.test_dead_letters import about
from tests.running import Stack

pytestmark = pytest.mark.asyncio(loop_scope="module")

OWN = {"owner": "alice", "actor": "alice"}


@dataclass
class Uneven:
    """A log, and a projector that reads of it what it is told to."""

    log: Log
    store: Store
    feed: Feed
    starts: dict[tuple[str, int], Start]

    async def append(self, event: Event, name: object, causation: object = None) -> Recorded[Event]:
        caused = cause(name, causation_id=uid(causation) if causation else None)
        appended = await self.log.append(event, caused)
        return Recorded(
            event=event,
            type=recorded(event, name, appended.position).type,
            cause=caused,
            position=appended.position,
            time=appended.time,
        )

    async def project(self, one: Recorded[Event]) -> None:
        at, end = (one.position.topic, one.position.partition), one.position.offset + 1
        batch = [cut(one)]
        async with self.store.moving([Move(*at, self.starts[at], end, one.time)]):
            prior = await self.store.prior(touched(batch))
            await self.store.save(prior, fold(prior, batch))
        self.starts[at] = Start(end, self.starts[at].epoch, one.time)

    async def told(self) -> list[Json]:
        return [one["event_id"] for one in (await self.feed.after("alice", BEGINNING, 200)).items]


@pytest_asyncio.fixture(loop_scope="module")
async def uneven(stack: Stack) -> AsyncIterator[Uneven]:
    async with (
        own_house(stack) as house,
        Log(stack.kafka, house.names) as log,
        Ends(stack.kafka, house.names) as ends,
        ReadModel(house.database) as read_model,
    ):
        async with await AsyncConnection.connect(house.database, autocommit=True) as connection:
            store = await Store.connect(house.database, await schema.ensure(connection))
        starts = await store.claim((topic.name, one) for topic in (IMAGES, ANALYSES) for one in range(12))
        yield Uneven(log, store, Feed(read_model, Fresh(read_model, ends)), starts)
        await store.close()


async def test_what_was_found_waits_for_what_asked_for_it(uneven: Uneven) -> None:
    image, other = uid("image"), uid("other")
    upload = await uneven.append(events.uploaded(image, **OWN), "upload")
    outcome = await uneven.append(events.completed(image, uid("upload")), "outcome", "upload")
    elsewhere = await uneven.append(events.uploaded(other, **OWN), "elsewhere")
    await uneven.project(outcome)
    if elsewhere.position.partition != upload.position.partition:
        await uneven.project(elsewhere)
        assert await uneven.told() == [uid("elsewhere")], "the others go on"
    else:
        assert await uneven.told() == []
    await uneven.project(upload)
    assert [one for one in await uneven.told() if one != uid("elsewhere")] == [uid("upload"), uid("outcome")]


async def test_what_comes_while_one_asks_is_told_at_once(uneven: Uneven) -> None:
    image = uid("image")
    upload = await uneven.append(events.uploaded(image, **OWN), "upload")
    await uneven.project(await uneven.append(events.completed(image, uid("upload")), "outcome", "upload"))
    asked = asyncio.create_task(uneven.told())
    await asyncio.sleep(0.3)
    await uneven.project(upload)
    assert await asked == [uid("upload"), uid("outcome")]


async def test_what_asked_and_can_never_be_read_holds_nothing_up(uneven: Uneven) -> None:
    """Its record is buried: the log has been read to its end, and the cause is not there."""
    image = uid("image")
    outcome = await uneven.append(events.completed(image, uid("buried")), "outcome", "buried")
    await uneven.project(outcome)
    assert await uneven.told() == [uid("outcome")]


async def test_a_place_is_one_in_the_log_whatever_was_told_before(uneven: Uneven) -> None:
    image = uid("image")
    upload = await uneven.append(events.uploaded(image, **OWN), "upload")
    await uneven.project(upload)
    told = await uneven.feed.after("alice", BEGINNING, 200)
    assert told.place[IMAGES.name, upload.position.partition] == upload.position.offset + 1
    assert Position(IMAGES.name, upload.position.partition, upload.position.offset) == upload.position
    assert (await uneven.feed.after("alice", told.place, 200)).items == []
    assert (await uneven.feed.after("bob", BEGINNING, 200)).items == []
    assert upload.time > NOON


async def test_what_was_parked_is_told_where_it_is_let_go_and_once(stack: Stack) -> None:
    image, own = uid("image"), {"owner": "alice", "actor": "alice"}
    async with (
        own_house(stack) as house,
        Log(stack.kafka, house.names) as log,
        Ends(stack.kafka, house.names) as ends,
        ReadModel(house.database) as read_model,
        house.run("services.projector"),
    ):
        feed = Feed(read_model, Fresh(read_model, ends))

        async def ids_after(place: Place, limit: int = 200) -> list[Json]:
            return [one["event_id"] for one in (await feed.after("alice", place, limit)).items]

        async def until(name: object) -> None:
            assert await read_model.verdict(uid(name), 20)

        await log.append(events.uploaded(image, **own), cause("upload"))
        spoilt = events.message(events.uploaded(image), "poison")
        at = (await log.produce(replace(spoilt, value=b"{"), uid("poison"))).position
        for number in range(3):
            await log.append(events.updated(image, changes={"title": str(number)}, **own), cause(number))
        await log.append(events.uploaded(uid("other"), **own), cause("other"))
        await until("other")
        before = (await feed.after("alice", BEGINNING, 200)).place
        assert set(await ids_after(BEGINNING)) == {uid("upload"), uid("other")}
        async with asyncio.timeout(20):
            while not await read_model.rows("SELECT FROM letters"):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        now = await feed.now()
        await log.append(Discarded(**about(at, image) | own), cause("discard"))
        await until("discard")
        await log.append(events.deleted(image), cause("last"))
        await until("last")
        news = [uid(0), uid(1), uid(2)]
        for place in (before, now):
            told = await ids_after(place)
            assert [one for one in told if one != uid("discard")] == [*news, uid("last")]
        for limit in (1, 2, 3):  # wherever a page ends, also among those that were let go together
            place, seen = now, []
            while (told_ := await feed.after("alice", place, limit)).items:
                seen += [one["event_id"] for one in told_.items]
                place = read_place(told_.items[-1]["id"], "alice")
                assert place == {**BEGINNING, **told_.place}
            assert seen == await ids_after(now)
        every = await ids_after(BEGINNING)
        assert len(every) == len(set(every)) == 7
        assert [one for one in every if one in news] == news
        assert await ids_after(await feed.now()) == []
