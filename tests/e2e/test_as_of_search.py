"""`framelog search --as-of-schema`: what the API answered then, out of a schema that nobody serves or writes to."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import httpx
import orjson
import psycopg
import pytest
import pytest_asyncio

from adapters.read_model import ReadModel
from contracts.accounts import AccountRegistered
from contracts.permissions import Principal
from services.projector import schema
from services.query import then
from services.settings import Groups
from tests import events
from tests.cli.running import Ran
from tests.e2e.test_query_search import EVERY, fill
from tests.events import uid
from tests.integration.rebuilding import framelog, said
from tests.query.world import World, world
from tests.running import Stack

pytestmark = pytest.mark.asyncio(loop_scope="module")

GROUPED = [name for names in Groups().algorithm_groups.values() for name in names]
QUESTIONS = (
    "",
    "q=strand",
    "q=asleep",
    "tag=sea&tag=sand",
    "media_type=image/png",
    "min_width=8000",
    "min_height=101",
    "taken_after=2024-05-01",
    "taken_before=2024-05-01T10:00:00Z",
    "camera=canon eos",
    "color=%232a6f97",
    "label=tabby cat",
    "status=queued",
    "status=running",
    "status=completed",
    "status=partial",
    "status=failed",
    f"near={uid('hashed')}&distance=16",
    "deleted=true",
    "owner=bob",
    "owner=*",
    "origin=job",
    "sort=-taken_at",
    "sort=size",
)


@dataclass(frozen=True)
class Past:
    """A library that is another one by now, the `name` of its schema of then, and what the API answered then."""

    library: World
    name: str
    answers: dict[str, list[dict[str, Any]]]

    async def search(self, *arguments: str, **settings: object) -> Ran:
        return await search(self.library, *arguments, "--as-of-schema", self.name, **settings)


async def search(library: World, *arguments: str, **settings: object) -> Ran:
    return await run(library, "search", *arguments, **{"url": library.client.base_url} | settings)


async def run(library: World, *arguments: str, **settings: object) -> Ran:
    code, out, err = await said(await framelog(library.house, *arguments, **settings))
    assert code is not None
    return Ran(code, out, err)


def params(question: str) -> dict[str, Any]:
    pairs = parse_qsl(question)
    return {name: [one for key, one in pairs if key == name] if name == "tag" else value for name, value in pairs}


async def answered(client: httpx.AsyncClient, question: str) -> list[dict[str, Any]]:
    answer = await client.get("/v1/images", params={"limit": 200, **params(question)})
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def past(stack: Stack) -> AsyncIterator[Past]:
    async with world(stack) as library:
        bob = AccountRegistered(
            account="bob", actor="bob", account_id=uid("bob"), sealed_email="x", sealed_password_hash="x"
        )
        await library.append(bob)
        await fill(library)
        answers = {question: await answered(library.client, question) for question in QUESTIONS}
        await asyncio.sleep(0.05)
        cut = datetime.now(UTC)
        await asyncio.sleep(0.05)
        await library.upload("late", title="Strand", tags=("sea", "sand"))
        for name in EVERY:
            await library.append(events.deleted(uid(name)))
        made = await run(library, "rebuild", "--until", cut.isoformat())
        assert made.code == 0, made.err
        yield Past(library, made.out.strip(), answers)


@pytest.mark.parametrize("question", QUESTIONS)
async def test_every_filter_answers_what_the_api_answered_then(past: Past, question: str) -> None:
    admin = Principal("admin", "admin")
    async with ReadModel(past.library.house.database, 1, grouped=GROUPED, schema=past.name) as read_model:
        asked = then.asked(params(question), admin)
        found = [one async for one in then.images(read_model, asked, admin, None)]
    assert orjson.loads(orjson.dumps(found, option=orjson.OPT_UTC_Z)) == past.answers[question]


async def test_the_command_line_prints_what_it_printed_then(past: Past) -> None:
    for question, options in (("tag=sea&tag=sand", ("--tag", "sea", "--tag", "sand")), ("q=asleep", ("asleep",))):
        ran = await past.search(*options, "--json")
        assert (ran.code, ran.err) == (0, "")
        assert ran.documents == past.answers[question]
        now = await search(past.library, *options, "--json")
        assert [one["id"] for one in now.documents] == [str(uid("late"))] * (question != "q=asleep")
    lines = (await past.search("--limit", "3")).out.splitlines()
    assert [line.split("\t")[0] for line in lines] == [one["id"] for one in past.answers[""][:3]]


async def test_it_reads_on_where_a_page_ends(past: Past, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(then, "LARGEST_PAGE", 5)
    admin = Principal("admin", "admin")
    async with ReadModel(past.library.house.database, 1, schema=past.name) as read_model:
        asked = then.asked({}, admin)
        for limit in (None, 7, 5):
            found = [str(one["id"]) async for one in then.images(read_model, asked, admin, limit)]
            assert found == [one["id"] for one in past.answers[""]][:limit]


async def test_it_needs_no_api(past: Past) -> None:
    ran = await past.search("--tag", "sea", "--account", "admin", "--json", url="http://127.0.0.1:9")
    assert [one["id"] for one in ran.documents] == [str(uid("city")), str(uid("beach"))]


async def test_another_account_has_its_own_images(past: Past) -> None:
    ran = await past.search("--account", "bob", "--json")
    assert [one["id"] for one in ran.documents] == [str(uid("secret")), str(uid("theirs"))]
    assert ran.documents[0]["filename"] == "beach.jpg"


async def test_what_cannot_be_searched_is_said_in_one_line_with_the_remedy(past: Past) -> None:
    library = past.library
    served = (await library.client.get("/v1/admin/projections")).json()["items"][0]["schema"]
    for options, code, part in (
        (("--as-of-schema", "as_of_1"), 2, "as_of_1 is no schema that --until has made; `framelog rebuild --status`"),
        (("--as-of-schema", served), 2, f"{served} is no schema that --until has made; "),
        (("--as-of-schema", past.name, "--account", "nobody"), 2, "there was no account nobody then; --account"),
        (("--as-of-schema", past.name, "--color", "blue"), 2, "/query/color: String should match pattern"),
        (("--as-of-schema", past.name, "--near", str(uid("late"))), 1, f"There was no image {uid('late')} of admin"),
        (("--account", "bob"), 2, "--account goes with --as-of-schema"),
    ):
        ran = await search(library, *options)
        assert (ran.code, ran.out, len(ran.err.splitlines())) == (code, "", 1), ran
        assert part in ran.err


async def test_who_is_signed_in_nowhere_says_whose_images(past: Past, tmp_path: Path) -> None:
    ran = await past.search(home=tmp_path)
    assert (ran.code, ran.err) == (
        2,
        "framelog: nobody is signed in here; --account says whose images are one's own\n",
    )


async def test_while_postgres_is_down_it_says_so(past: Past) -> None:
    ran = await past.search(postgres="postgresql://framelog@127.0.0.1:9/framelog")
    assert (ran.code, len(ran.err.splitlines())) == (3, 1)
    assert "Postgres does not answer" in ran.err


async def test_what_other_code_has_made_is_refused(past: Past) -> None:
    house = past.library.house
    query = "UPDATE projection.schemas SET fingerprint = %s WHERE name = %s RETURNING name"
    async with await psycopg.AsyncConnection.connect(house.database, autocommit=True) as connection:
        await connection.execute(query, ("another", past.name))
        try:
            ran = await past.search()
        finally:
            await connection.execute(query, (schema.fingerprint(), past.name))
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith(f"framelog: {past.name} was made by another version of the code: ")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE images SET title = 'x'",
        "DELETE FROM images WHERE false",
        "INSERT INTO likes SELECT * FROM likes",
        "TRUNCATE events",
        "CREATE TEMPORARY TABLE more (LIKE posts); INSERT INTO posts SELECT * FROM more",
    ],
)
async def test_nobody_writes_to_it_not_even_by_psql(past: Past, statement: str) -> None:
    async with await psycopg.AsyncConnection.connect(past.library.house.database) as connection:
        await connection.execute(f"SET search_path TO {past.name}".encode())
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction, match=f"{past.name} is read only"):
            await connection.execute(statement.encode())


async def test_who_may_only_read_looks_into_it_too(past: Past) -> None:
    async with await psycopg.AsyncConnection.connect(past.library.house.database) as connection:
        await connection.execute("SET ROLE framelog_read")
        rows = await connection.execute(f"SELECT count(*) FROM {past.name}.described_images".encode())
        assert await rows.fetchone() == (len(EVERY) + 4,)
