"""What a search costs at 200,000 images: the plan of each main filter, and how long a page of 50 takes.

Usage: python -m benchmarks.search_explain [--postgres URL] [--images N] [--keep NAME] [--plans]

Makes a database of its own on that server and drops it again; `--keep NAME` leaves it there, and uses it next time.
"""

import argparse
import asyncio
import re
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson
from psycopg import AsyncConnection
from psycopg.conninfo import make_conninfo
from psycopg.rows import DictRow

from adapters.read_model import SESSION, ReadModel, described
from benchmarks.__main__ import said_by
from benchmarks.library import OWNER, fill
from contracts.permissions import Principal
from contracts.resources.images import image_json
from services.query import fragments
from services.query.filters import Filters
from services.query.search import Found, question, search
from services.settings import Endpoints

WHO = Principal(OWNER, "admin")
RESULTS = Path(__file__).parents[1] / "docs" / "search.md"
BEGIN, END = "<!-- measured -->", "<!-- end -->"
FILTERS: Mapping[str, dict[str, Any]] = {
    "newest first": {},
    "by size": {"sort": "-size"},
    "by time taken": {"sort": "-taken_at"},
    "`tag`, of a tenth": {"tag": ("tag2",)},
    "`tag`, of 1 in 150": {"tag": ("tag299",)},
    "`media_type`, of 1 in 1,000": {"media_type": "image/avif"},
    "`media_type`, of none": {"media_type": "image/bmp"},
    "`min_width`, of a third": {"min_width": 6000},
    "`min_width`, of none": {"min_width": 9000},
    "`taken_after` and `taken_before`, a week": {"taken_after": "2015-01-01", "taken_before": "2015-01-08"},
    "`taken_after`, ten years": {"taken_after": "2015-01-01"},
    "`camera`, a maker": {"camera": "canon"},
    "`camera`, a common one": {"camera": "canon model 0"},
    "`camera`, a rare one": {"camera": "panasonic model 11"},
    "`color`, grey": {"color": "#808080"},
    "`color`, red": {"color": "#ff0000"},
    "`label`, of 1 in 65": {"label": "label 3"},
    "`label`, of 1 in 1,800": {"label": "label 990"},
    "`q`, in every file name": {"q": "img"},
    "`q`, one word": {"q": "{rare}"},
    "`q`, two words": {"q": "img {rare}"},
    "`q`, beginning of many": {"q": "b"},
    "`status`, completed": {"status": "completed"},
    "`status`, partial": {"status": "partial"},
    "`status`, running": {"status": "running"},
    "`sha256`": {"sha256": "{sha256}"},
    "`near`, distance 8": {"near": "{image}"},
    "`near`, distance 16": {"near": "{image}", "distance": 16},
    "`deleted`": {"deleted": True},
    "`color`, `tag` and `min_width`": {"color": "#ff0000", "tag": ("tag50",), "min_width": 4000},
    "`owner`, another's public ones": {"owner": "person3"},
    "`owner=*`, everybody's, newest first": {"owner": "*"},
}

RARE = (
    "SELECT word FROM images, unnest(words) AS word GROUP BY 1 HAVING count(*) < 50 ORDER BY count(*) DESC, 1 LIMIT 1"
)
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


async def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--postgres", default=Endpoints.read().postgres)
    asked.add_argument("--images", type=int, default=200_000)
    asked.add_argument("--keep", metavar="NAME")
    asked.add_argument("--plans", action="store_true", help="print every plan whole")
    given = asked.parse_args()
    async with database(given.postgres, given.images, given.keep) as postgres, listening(postgres) as read_model:
        rows = [await measured(postgres, read_model, name, given.plans) for name in FILTERS]
    head = ["| search | finds | begins at | pages read | ids, ms | whole page, ms |", "|---|---:|---|---:|---:|---:|"]
    table = "\n".join([*head, *rows, "", f"*{given.images:,} images, {said_by(ROUNDS).strip('*')}"])
    before, _, rest = RESULTS.read_text().partition(BEGIN)
    RESULTS.write_text(f"{before}{BEGIN}\n{table}{END}{rest.partition(END)[2]}")
    print(table)


@asynccontextmanager
async def listening(postgres: str) -> AsyncIterator[Overheard]:
    overheard = Overheard(postgres)
    async with overheard:
        yield overheard


@asynccontextmanager
async def database(postgres: str, images: int, keep: str | None) -> AsyncIterator[str]:
    name = keep or "framelog_search"
    async with await AsyncConnection.connect(postgres, autocommit=True) as connection:
        found = await connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,))
        if not await found.fetchone():
            await connection.execute(f'CREATE DATABASE "{name}"'.encode())
            print(f"filling {name} with {images:,} images", flush=True)
            await fill(make_conninfo(postgres, dbname=name), images)
        yield make_conninfo(postgres, dbname=name)
        if not keep:
            await connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)'.encode())


async def measured(postgres: str, read_model: Overheard, name: str, plans: bool) -> str:
    """A row of the table."""
    known = await something_there(read_model)
    fields = {key: _filled(value, known) for key, value in FILTERS[name].items()}
    asked, near = question(Filters(**fields), WHO), UUID(fields["near"]) if "near" in fields else None

    async def ids() -> Found:
        return await search(read_model, asked, near, 50)

    async def page() -> bytes:
        rows = await read_model.rows(fragments.DESCRIBED, ((await ids()).ids,))
        return orjson.dumps([image_json(described(row)) for row in rows])

    found = await ids()
    read_model.asked.clear()
    await ids()
    told = [one for one in read_model.asked if one[0] != fragments.HASH]
    explained = [await plan(postgres, *one) for one in told]
    if plans:
        print(name, *(text for _, _, text in explained), sep="\n")
    starts = ", ".join(dict.fromkeys(start for start, _, _ in explained))
    pages = sum(pages for _, pages, _ in explained)
    more = "50 +" if found.next else str(len(found.ids))
    return f"| {name} | {more} | {starts} | {pages:,} | {await timed(ids):.1f} | {await timed(page):.1f} |"


async def something_there(read_model: ReadModel) -> dict[str, str]:
    """An image, its hash, and a word that some fifty images have."""
    query = "SELECT image_id, sha256 FROM images WHERE owner = %s AND deleted_at IS NULL ORDER BY created_at LIMIT 1"
    (image,) = await read_model.rows(query, (OWNER,))
    (rare,) = await read_model.rows(RARE)
    return {"image": str(image["image_id"]), "sha256": image["sha256"], "rare": rare["word"]}


async def plan(postgres: str, query: str, params: Any) -> tuple[str, int, str]:
    """The index the plan begins at, the pages it reads (of 8 KiB), and all of it."""
    options = " ".join(f"-c {name}={value}" for name, value in SESSION.items())
    async with await AsyncConnection.connect(postgres, autocommit=True, options=options) as connection:
        explain = f"EXPLAIN (ANALYZE, BUFFERS) {query}".encode()
        rows = await (await connection.execute(explain, params, prepare=False)).fetchall()
    text = "\n".join(row[0] for row in rows)
    starts = re.findall(r"(?:using|Bitmap Index Scan on) (\w+)|(Seq Scan on \w+)", text)
    pages = re.search(r"Buffers: shared(?: hit=(\d+))?(?: read=(\d+))?", text)
    read = sum(int(one or 0) for one in pages.groups()) if pages else 0
    return next((a or b for a, b in starts), "no rows"), read, text


async def timed(run: Any, rounds: int = ROUNDS) -> float:
    """The fastest round, in milliseconds: what the search itself takes, whatever else the machine does."""
    taken = []
    for _ in range(rounds):
        start = time.perf_counter()
        await run()
        taken.append(1_000 * (time.perf_counter() - start))
    return min(taken)


def _filled(value: Any, known: Mapping[str, str]) -> Any:
    return value.format(**known) if isinstance(value, str) else value


if __name__ == "__main__":
    asyncio.run(main())
