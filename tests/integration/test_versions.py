"""Projectors of two versions, whose folds differ, on one database: in the middle of an upgrade, and of going back."""

import asyncio

import pytest
from psycopg import AsyncConnection

from adapters.log import Log
from services.projector import schema
from tests.integration.rebuilding import framelog, lives, said, served, settled
from tests.running import House

OLDER = "tests.projector_otherwise"
"""This code; the other one is the newer."""
NEWER = {"test_fingerprint": "0123456789ab"}
SOON = {"test_forsaken_seconds": 3}
A_WHILE = 6.0


def is_newer(name: str) -> bool:
    return NEWER["test_fingerprint"] in name


async def until_served(house: House, newer: bool, within: float = 30) -> str:
    async with asyncio.timeout(within):
        while True:
            async with await AsyncConnection.connect(house.database, autocommit=True) as connection:
                name = await schema.live(connection)
            if name and is_newer(name) == newer:
                return name
            await asyncio.sleep(0.1)


async def told(house: House, log: Log, first: int) -> None:
    """Five images more, which whoever follows what is served has taken in: who is fenced hears of it by a record."""
    await lives(log, first, 5)
    await settled(house)


async def made(house: House) -> list[str]:
    """Every read model that there is or that is being built."""
    async with await AsyncConnection.connect(house.database, autocommit=True) as connection:
        rows = await connection.execute("SELECT name FROM projection.schemas ORDER BY created_at")
        return [name for (name,) in await rows.fetchall()]


async def test_an_older_projector_leaves_the_log_to_a_newer_one(house: House, log: Log) -> None:
    async with house.run(OLDER, **SOON) as older:
        await told(house, log, 0)
        async with house.run(OLDER, **NEWER):
            name = await until_served(house, newer=True)
            before = await made(house)
            await told(house, log, 5)
            await asyncio.sleep(A_WHILE)
            await told(house, log, 10)
            assert (await served(house))[0] == name
            assert await made(house) == before
            assert older.returncode is None


@pytest.mark.long
async def test_it_takes_the_log_again_once_nobody_follows_what_is_served(house: House, log: Log) -> None:
    async with house.run(OLDER, **SOON):
        await told(house, log, 0)
        async with house.run(OLDER, **NEWER):
            await until_served(house, newer=True)
            await told(house, log, 5)
        await until_served(house, newer=False)
        await told(house, log, 10)
        assert (await served(house))[1]["images"].rows == 15


@pytest.mark.long
async def test_one_goes_back_by_starting_the_older_version_anew(house: House, log: Log) -> None:
    async with house.run(OLDER, **NEWER, **SOON) as newer:
        await told(house, log, 0)
        async with house.run(OLDER):
            name = await until_served(house, newer=False)
            await told(house, log, 5)
            await asyncio.sleep(A_WHILE)
            await told(house, log, 10)
            assert (await served(house))[0] == name
            assert newer.returncode is None


async def test_who_has_stepped_aside_follows_a_rebuild_by_its_own_version(house: House, log: Log) -> None:
    async with house.run(OLDER):
        await told(house, log, 0)
        async with house.run(OLDER, **NEWER):
            await until_served(house, newer=True)
            await told(house, log, 5)
        code, _, error = await said(await framelog(house, "rebuild"))
        assert code == 0, error
        name = await until_served(house, newer=False)
        await told(house, log, 10)
        assert (await served(house))[0] == name
