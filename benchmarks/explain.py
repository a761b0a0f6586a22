"""What a question costs in Postgres: the plan it is answered by, the pages that are read, and the time."""

import argparse
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from psycopg import AsyncConnection
from psycopg.conninfo import make_conninfo
from psycopg.rows import DictRow

from adapters.read_model import SESSION, ReadModel
from benchmarks.table import said_by
from services.settings import Endpoints

BEGIN, END = "<!-- measured -->", "<!-- end -->"
ROUNDS = 15


class Overheard(ReadModel):
    """A read model that notes what it is asked."""

    def __init__(self, postgres: str) -> None:
        super().__init__(postgres)
        self.asked: list[tuple[str, Any]] = []

    async def rows(
        self, query: str, params: Sequence[Any] | Mapping[str, Any] = (), *, planned: bool = True
    ) -> list[DictRow]:
        self.asked.append((query, params))
        return await super().rows(query, params, planned=planned)


@dataclass(frozen=True, slots=True)
class Plan:
    """`begins` is the index it begins at; `pages` are of 8 KiB."""

    begins: str
    pages: int
    text: str


def arguments(doc: str | None) -> argparse.Namespace:
    """`postgres`, `images`, `keep`, `plans`."""
    asked = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--postgres", default=Endpoints.read().postgres)
    asked.add_argument("--images", type=int, default=200_000)
    asked.add_argument("--keep", metavar="NAME")
    asked.add_argument("--plans", action="store_true", help="print every plan whole")
    return asked.parse_args()


@asynccontextmanager
async def filled(
    postgres: str, name: str, keep: str | None, fill: Callable[[str], Awaitable[None]]
) -> AsyncIterator[str]:
    """A database of that name, filled and dropped again; one that is to be kept is filled once."""
    name = keep or name
    async with await AsyncConnection.connect(postgres, autocommit=True) as connection:
        found = await connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,))
        if not await found.fetchone():
            await connection.execute(f'CREATE DATABASE "{name}"'.encode())
            print(f"filling {name}", flush=True)
            await fill(make_conninfo(postgres, dbname=name))
        yield make_conninfo(postgres, dbname=name)
        if not keep:
            await connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)'.encode())


async def plan(postgres: str, query: str, params: Any) -> Plan:
    options = " ".join(f"-c {name}={value}" for name, value in SESSION.items())
    async with await AsyncConnection.connect(postgres, autocommit=True, options=options) as connection:
        explain = f"EXPLAIN (ANALYZE, BUFFERS) {query}".encode()
        rows = await (await connection.execute(explain, params, prepare=False)).fetchall()
    text = "\n".join(row[0] for row in rows)
    starts = re.findall(r"(?:using|Bitmap Index Scan on) (\w+)|(Seq Scan on \w+)", text)
    pages = re.search(r"Buffers: shared(?: hit=(\d+))?(?: read=(\d+))?", text)
    read = sum(int(one or 0) for one in pages.groups()) if pages else 0
    return Plan(next((a or b for a, b in starts), "no rows"), read, text)


async def timed(run: Callable[[], Awaitable[object]], rounds: int = ROUNDS) -> float:
    """The fastest round, in milliseconds: what the question itself takes, whatever else the machine does."""
    taken = []
    for _ in range(rounds):
        start = time.perf_counter()
        await run()
        taken.append(1_000 * (time.perf_counter() - start))
    return min(taken)


def written(results: Path, head: Sequence[str], rows: Sequence[str], about: str) -> None:
    """The table into a page of docs, in the place it has there."""
    table = "\n".join([*head, *rows, "", f"*{about}, {said_by(ROUNDS).strip('*')}"])
    before, _, rest = results.read_text().partition(BEGIN)
    results.write_text(f"{before}{BEGIN}\n{table}{END}{rest.partition(END)[2]}")
    print(table)
