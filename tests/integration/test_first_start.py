"""The first start, and every later one: keys and the account `admin`, whatever was lost meanwhile."""

import asyncio
import json
import shutil
import sys
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import httpx
import psycopg

from adapters import keys
from adapters.log import Names
from deploy.local.ports import choose
from migrations import migrate
from tests.running import House, Stack, answers

KEYS, CREDENTIALS = keys.FILE, "credentials.json"


async def signed_in(client: httpx.AsyncClient, house: House) -> bool:
    """Whether the password in the file is the account's."""
    known = json.loads((house.home / CREDENTIALS).read_bytes())
    form = {"grant_type": "password", "username": known["username"], "password": known["password"]}
    return (await client.post("/v1/auth/token", data=form)).status_code == 200


async def refused(house: House) -> tuple[int | None, str]:
    """How an API that does not start ends, and what it says."""
    (port,) = choose([None])
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "services.api"),
        env=house.environment(port=port),
        stderr=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.DEVNULL,
    )
    _, said = await asyncio.wait_for(process.communicate(), 30)
    return process.returncode, said.decode()


async def test_a_lost_database_changes_nobodys_password(house: House, second_database: str) -> None:
    async with house.run("services.projector"), house.api() as client:
        await answers(client, "/readyz", 200)
        assert await signed_in(client, house)
    before = (house.home / CREDENTIALS).read_bytes()
    await migrate(second_database)
    again = replace(house, database=second_database)
    async with again.run("services.projector"), again.api() as client:
        await answers(client, "/readyz", 200)
        assert await signed_in(client, again)
    assert json.loads(before)["password"] == json.loads((house.home / CREDENTIALS).read_bytes())["password"]


async def test_a_password_that_is_there_already_is_taken(house: House) -> None:
    house.home.mkdir()
    given = {"url": "http://127.0.0.1:1", "username": "admin", "password": "chosen by the operator"}
    (house.home / CREDENTIALS).write_text(json.dumps(given))
    async with house.run("services.projector"), house.api() as client:
        await answers(client, "/readyz", 200)
        assert json.loads((house.home / CREDENTIALS).read_bytes()) == given
        assert await signed_in(client, house)


async def test_the_credentials_follow_the_api_to_another_port(house: House) -> None:
    for _ in range(2):
        async with house.api() as client:
            known = json.loads((house.home / CREDENTIALS).read_bytes())
            port = client.base_url.port
        if known["url"] == f"http://127.0.0.1:{port}":
            continue
        raise AssertionError(f"{known['url']} is not where the API listens")


async def test_of_two_that_start_first_at_once_both_serve_one_admin(house: House) -> None:
    async with house.run("services.projector"), AsyncExitStack() as opened:
        for client in await asyncio.gather(*(opened.enter_async_context(house.api()) for _ in range(2))):
            await answers(client, "/readyz", 200)
            assert await signed_in(client, house)
    async with await psycopg.AsyncConnection.connect(house.database) as postgres:
        found = await (await postgres.execute("SELECT name, version FROM framelog.accounts")).fetchall()
    assert found == [("admin", 1)]


async def test_without_the_keys_of_its_accounts_an_api_does_not_start(house: House, tmp_path: Path) -> None:
    async with house.api():
        pass
    shutil.move(house.home / KEYS, tmp_path / "backup.json")
    code, said = await refused(house)
    assert (code, said.count("\n")) == (2, 1)
    assert "keys.json is missing" in said
    keys.create(house.home / KEYS)
    code, said = await refused(house)
    assert (code, said.count("\n")) == (2, 1)
    assert "keys.json does not hold" in said
    shutil.copy(tmp_path / "backup.json", house.home / KEYS)
    async with house.api():
        pass


async def test_without_kafka_an_api_says_so(stack: Stack, tmp_path: Path, bucket: str, database: str) -> None:
    away = House(replace(stack, kafka="127.0.0.1:1"), Names("x-"), bucket, database, tmp_path)
    code, said = await refused(away)
    assert code == 3
    assert "Kafka at 127.0.0.1:1 does not answer" in said
