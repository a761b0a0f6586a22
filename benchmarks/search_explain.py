"""What a search costs at 200,000 images: the plan of each main filter, and how long a page of 50 takes.

Usage: python -m benchmarks.search_explain [--postgres URL] [--images N] [--keep NAME] [--plans]

Makes a database of its own on that server and drops it again; `--keep NAME` leaves it there, and uses it next time.
"""

import asyncio
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson

from adapters.read_model import ReadModel
from benchmarks import library
from benchmarks.explain import Overheard, arguments, filled, plan, timed, written
from benchmarks.library import OWNER
from contracts.permissions import Principal
from contracts.resources.images import image_json
from services.query import fragments
from services.query.filters import Filters
from services.query.search import Found, question, search

WHO = Principal(OWNER, "admin")
RESULTS = Path(__file__).parents[1] / "docs" / "search.md"
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


async def main() -> None:
    given = arguments(__doc__)
    fill = partial(library.fill, images=given.images)
    async with (
        filled(given.postgres, "framelog_search", given.keep, fill) as postgres,
        Overheard(postgres) as read_model,
    ):
        rows = [await measured(postgres, read_model, name, given.plans) for name in FILTERS]
    head = ["| search | finds | begins at | pages read | ids, ms | whole page, ms |", "|---|---:|---|---:|---:|---:|"]
    written(RESULTS, head, rows, f"{given.images:,} images")


async def measured(postgres: str, read_model: Overheard, name: str, plans: bool) -> str:
    """A row of the table."""
    known = await something_there(read_model)
    fields = {key: _filled(value, known) for key, value in FILTERS[name].items()}
    asked, near = question(Filters(**fields), WHO), UUID(fields["near"]) if "near" in fields else None

    async def ids() -> Found:
        return await search(read_model, asked, near, 50)

    async def page() -> bytes:
        return orjson.dumps([image_json(one) for one in await read_model.images((await ids()).ids)])

    found = await ids()
    read_model.asked.clear()
    await ids()
    told = [one for one in read_model.asked if one[0] != fragments.HASH]
    explained = [await plan(postgres, *one) for one in told]
    if plans:
        print(name, *(one.text for one in explained), sep="\n")
    starts = ", ".join(dict.fromkeys(one.begins for one in explained))
    pages = sum(one.pages for one in explained)
    more = "50 +" if found.next else str(len(found.ids))
    return f"| {name} | {more} | {starts} | {pages:,} | {await timed(ids):.1f} | {await timed(page):.1f} |"


async def something_there(read_model: ReadModel) -> dict[str, str]:
    """An image, its hash, and a word that some fifty images have."""
    query = "SELECT image_id, sha256 FROM images WHERE owner = %s AND deleted_at IS NULL ORDER BY created_at LIMIT 1"
    (image,) = await read_model.rows(query, (OWNER,))
    (rare,) = await read_model.rows(RARE)
    return {"image": str(image["image_id"]), "sha256": image["sha256"], "rare": rare["word"]}


def _filled(value: Any, known: Mapping[str, str]) -> Any:
    return value.format(**known) if isinstance(value, str) else value


if __name__ == "__main__":
    asyncio.run(main())
