"""No event may come to name a picture where the sweep does not look for it."""

import re

import orjson
import psycopg
import pytest

from services.projector.naming_sql import NAMED
from tests.contracts.test_examples import EXAMPLES
from tests.running import Stack

NO_PICTURE = re.compile(rb'"key_sha256":"[0-9a-f]{64}"')  # an API key's


@pytest.mark.parametrize("name", EXAMPLES)
async def test_every_hash_in_a_golden_event_is_found_to_be_named(stack: Stack, name: str) -> None:
    body = orjson.dumps(EXAMPLES[name]["body"])
    async with await psycopg.AsyncConnection.connect(stack.postgres) as connection:
        query = psycopg.sql.SQL("SELECT picture FROM (SELECT %s::jsonb AS data) AS event, LATERAL {}")
        found = await connection.execute(query.format(NAMED.format()), (body.decode(),))
        named = {row[0] async for row in found if row[0]}
    assert named == {one.decode() for one in re.findall(rb"[0-9a-f]{64}", NO_PICTURE.sub(b"", body))}
