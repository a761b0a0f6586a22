"""Dead letters over HTTP and on the command line: seen, retried, discarded; and what others are told meanwhile."""

from base64 import b64decode
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio

from contracts import ids
from contracts.dead_letters import bury
from contracts.events import Message, Undecodable
from tests import events
from tests.cli.running import Ran, Terminal
from tests.e2e.people import Person, listed, problem
from tests.events import cause, uid
from tests.query.world import World, world
from tests.running import Stack

pytestmark = pytest.mark.asyncio(loop_scope="module")

LETTERS = "/v1/admin/dead-letters"
NOBODYS = "5f0c2a54-4c0e-5f61-9d53-0d2f5a7b6c11"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(stack: Stack) -> AsyncIterator[World]:
    async with world(stack) as one:
        yield one


async def buried(served: World, name: str) -> tuple[UUID, str]:
    """An image's lane that begins with a record nobody can read; the dead letter, once it can be seen."""
    image = uid(name)
    good = events.message(events.uploaded(image), ("poison", name))
    spoilt = Message(topic=good.topic, key=good.key, value=b'{"title": "not \xff"}', headers=good.headers)
    at = (await served.log.produce(spoilt, uid(name))).position
    letter = str(ids.buried("projector", at.topic, at.partition, at.offset))

    async def there() -> bool:
        return (await served.client.get(f"{LETTERS}/{letter}")).status_code == 200

    await served.until(there)
    return image, letter


async def test_a_dead_letter_says_what_where_why_when_and_how_often(served: World) -> None:
    image, letter = await buried(served, "shown")
    found = (await served.client.get(f"{LETTERS}/{letter}")).json()
    assert (found["id"], found["state"], found["tries"], found["parked"]) == (letter, "buried", 1, 0)
    assert (found["consumer"], found["topic"], found["reason"]) == ("projector", "framelog.images", "malformed")
    assert b64decode(found["value"]) == b'{"title": "not \xff"}'
    assert b64decode(found["key"]).decode() == str(image)
    assert found["size"] == 18
    assert letter in [one["id"] for one in await listed(served.client, LETTERS, state="buried", limit=1)]
    assert await listed(served.client, LETTERS, consumer="fetcher") == []


async def test_a_discard_lets_the_events_behind_it_go_and_a_second_one_changes_nothing(served: World) -> None:
    image, letter = await buried(served, "discarded")
    waits = await served.append(events.uploaded(image, owner="admin", actor="admin"), "waits")
    told = (await served.get(f"/v1/events/{waits}")).json()
    assert told == {"event_id": str(waits), "status": "pending", "reason": "parked", "dead_letter": letter}
    held = problem(await served.client.get(f"/v1/images/{image}"), 503, "behind")
    assert held["dead_letter"] == letter
    said = await served.client.post(f"{LETTERS}/{letter}/discard")
    assert (said.status_code, said.json()["state"], said.json()["parked"]) == (200, "discarded", 0)
    assert said.json()["settled_by"] == "admin"
    assert said.headers["framelog-position"] == said.json()["position"]
    assert (await served.client.get(f"/v1/images/{image}")).json()["version"] == 1
    assert (await served.get(f"/v1/events/{waits}")).json()["status"] == "accepted"
    for action in ("discard", "retry"):
        problem(await served.client.post(f"{LETTERS}/{letter}/{action}"), 409, "dead-letter-settled")


async def test_a_retry_counts_once_and_the_same_key_says_the_same(served: World) -> None:
    _, letter = await buried(served, "retried")
    key = {"Idempotency-Key": "retry-once"}
    first = await served.client.post(f"{LETTERS}/{letter}/retry", headers=key)
    assert (first.status_code, first.json()["state"], first.json()["tries"]) == (200, "retried", 2)
    again = await served.client.post(f"{LETTERS}/{letter}/retry", headers=key)
    assert again.json() == first.json()
    problem(await served.client.post(f"{LETTERS}/{letter}/retry"), 409, "dead-letter-settled")
    assert (await served.client.get(f"{LETTERS}/{letter}")).json()["tries"] == 2


async def test_a_dead_letter_that_nobody_knows_is_not_found(served: World) -> None:
    for answer in (
        await served.client.get(f"{LETTERS}/{NOBODYS}"),
        await served.client.post(f"{LETTERS}/{NOBODYS}/retry"),
        await served.client.post(f"{LETTERS}/{NOBODYS}/discard"),
    ):
        problem(answer, 404, "not-found")


async def test_anothers_parked_event_is_nobodys_business(served: World, alice: Person) -> None:
    image, letter = await buried(served, "private")
    waits = await served.append(events.uploaded(image, owner="admin", actor="admin"), "private waits")
    await served.get(f"/v1/events/{waits}")
    problem(await alice.ask("GET", f"/v1/events/{waits}"), 404, "not-found")
    await served.client.post(f"{LETTERS}/{letter}/discard")


async def test_what_older_code_has_buried_and_this_code_reads_is_no_dead_letter_any_more(served: World) -> None:
    """As an upgrade leaves it: the record is folded in its place, and the dead letter tells of the old days."""
    sent = events.message(events.uploaded(uid("upgraded"), owner="admin", actor="admin"), "upgraded")
    at = (await served.log.produce(sent, uid("upgraded"))).position
    error = Undecodable("newer-version", "newer than that code", at)
    letter = ids.buried("projector", at.topic, at.partition, at.offset)
    record = events.record(sent, at.offset, at.partition)
    told = await served.log.append(bury(record, error, "projector"), cause("", event_id=letter))
    after = {"Framelog-After": str(told.position)}
    assert (await served.client.get(f"/v1/images/{uid('upgraded')}")).json()["version"] == 1
    assert (await served.client.get(f"{LETTERS}/{letter}", headers=after)).json()["state"] == "read"
    for action in ("retry", "discard"):
        problem(await served.client.post(f"{LETTERS}/{letter}/{action}"), 409, "dead-letter-settled")


async def framelog(served: World, *arguments: Any) -> Ran:
    return await Terminal(served.house.home, str(served.client.base_url)).run("dlq", *arguments)


async def test_the_command_line_lists_shows_retries_and_discards(served: World) -> None:
    image, letter = await buried(served, "terminal")
    await served.append(events.uploaded(image, owner="admin", actor="admin"), "terminal waits")
    seen = await framelog(served, "list", "--state", "buried")
    assert seen.code == 0, seen.err
    (line,) = [line.split("\t") for line in seen.out.splitlines() if line.startswith(letter)]
    assert line[2:4] == ["buried", "projector"]
    shown = await framelog(served, "show", letter)
    assert f"key\t{image}" in shown.out
    assert (await framelog(served, "show", letter, "--json")).documents[0]["id"] == letter
    retried = await framelog(served, "retry", letter)
    assert retried.code == 1
    assert retried.err.strip() == (
        f"framelog: {letter} still cannot be read: `framelog dlq discard {letter}`, or start newer code"
    )
    twice = await framelog(served, "retry", letter)
    assert (twice.code, len(twice.err.splitlines())) == (1, 1)
    assert "it was retried" in twice.err
    discarded = await framelog(served, "discard", letter, "--json")
    assert (discarded.code, discarded.documents[0]["state"]) == (0, "discarded")
    unknown = await framelog(served, "discard", NOBODYS)
    assert (unknown.code, len(unknown.err.splitlines())) == (1, 1)
    assert (await framelog(served, "retry")).code == 2
    assert (await served.client.get(f"/v1/images/{image}")).status_code == 200
