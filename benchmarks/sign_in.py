"""Signing in, against nothing but the password's hash: what the API adds to the one thing that has to be slow."""

import asyncio
import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import aiohttp
import orjson
from argon2 import PasswordHasher

from benchmarks.processes import api, processes, projector
from benchmarks.stand import Stack, stand
from benchmarks.table import Table, Target, interleaved
from services.ingest.bootstrap import CREDENTIALS
from services.ingest.passwords import AT_ONCE

CLIENTS, EACH = 4, 12
ADDRESSES = count(1)
SAID = [
    f"{CLIENTS} clients, each from an address of its own, so that none is throttled; `POST /v1/auth/token` with the "
    "right password, which answers two tokens and begins a session. The bare hash: Argon2id of the same cost, in "
    f"{AT_ONCE} threads, as many as the API uses.",
]


async def tables(stack: Stack, rounds: int) -> AsyncIterator[Table]:
    async with stand(stack) as own, processes() as supervisor:
        await projector(supervisor, own)
        served = await api(supervisor, own)
        known = orjson.loads((own.home / CREDENTIALS).read_bytes())
        url, hashed = f"http://127.0.0.1:{served.port}/v1/auth/token", PasswordHasher().hash(known["password"])
        with ThreadPoolExecutor(AT_ONCE) as threads:
            contenders = {
                "Framelog": lambda: _rate(url, known["username"], known["password"]),
                "bare hash": lambda: asyncio.to_thread(_bare_rate, threads, hashed, known["password"]),
            }
            table = Table("Signing in", "log-ins/s", targets=(Target("Framelog", "bare hash", floor=0.9),), notes=SAID)
            yield await interleaved(table, contenders, rounds)


async def _rate(url: str, name: str, password: str) -> float:
    form = {"grant_type": "password", "username": name, "password": password}

    async def client() -> None:
        number = next(ADDRESSES)
        own = aiohttp.TCPConnector(local_addr=(f"127.0.{2 + number // 250}.{number % 250 + 1}", 0))
        async with aiohttp.ClientSession(connector=own) as session:
            for _ in range(EACH):
                async with session.post(url, data=form) as answer:
                    said = await answer.json()
                    assert set(said) == {"access_token", "token_type", "expires_in", "refresh_token"}, said

    since = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(CLIENTS)))
    return CLIENTS * EACH / (time.perf_counter() - since)


def _bare_rate(threads: ThreadPoolExecutor, hashed: str, password: str) -> float:
    since = time.perf_counter()
    right = threads.map(lambda _: PasswordHasher().verify(hashed, password), range(CLIENTS * EACH))
    assert all(right)
    return CLIENTS * EACH / (time.perf_counter() - since)
