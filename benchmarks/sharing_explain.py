"""What sharing costs at 200,000 posts and 2 million likes: the plan of each page, and how long it takes.

Usage: python -m benchmarks.sharing_explain [--postgres URL] [--images N] [--keep NAME] [--plans]

Makes a database of its own on that server and drops it again; `--keep NAME` leaves it there, and uses it next time.
"""

import asyncio
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, cast

import orjson

from adapters.fresh import Fresh
from adapters.posts import Posts
from benchmarks import crowd
from benchmarks.crowd import BUSY_READER, FOLLOWED, FOLLOWED_BY_BUSY, READER
from benchmarks.explain import Overheard, arguments, filled, plan, timed, written
from contracts.resources.posts import post_json
from services.query import sharing
from services.query.sharing import Listing

RESULTS = Path(__file__).parents[1] / "docs" / "sharing.md"
LIMIT = 51  # a page, and one more to know whether another follows
PEOPLE = (sharing.LIKES, sharing.FOLLOWERS, sharing.FOLLOWING)
BEST_LIKED = "SELECT post_id FROM shown_posts ORDER BY likes DESC LIMIT 1"
PAGES: Mapping[str, tuple[Listing, dict[str, Any], str | None]] = {
    "newest": (sharing.NEWEST, {}, None),
    "newest, in the middle of all": (sharing.NEWEST, {}, "created_at"),
    "most liked": (sharing.MOST_LIKED, {}, None),
    "most liked, in the middle of all": (sharing.MOST_LIKED, {}, "likes"),
    "newest of an author": (sharing.NEWEST_BY_AUTHOR, {"author": "person3"}, None),
    "most liked of an author": (sharing.MOST_LIKED_BY_AUTHOR, {"author": "person3"}, None),
    f"feed of one who follows {FOLLOWED}": (sharing.FEED, {}, None),
    f"feed of one who follows {FOLLOWED_BY_BUSY:,}": (sharing.FEED, {"viewer": BUSY_READER}, None),
    "who likes the best liked post": (sharing.LIKES, {}, None),
    "followers of the best known": (sharing.FOLLOWERS, {"name": "person0"}, None),
    "followed by one": (sharing.FOLLOWING, {"name": READER}, None),
}


async def main() -> None:
    given = arguments(__doc__)
    fill = partial(crowd.fill, images=given.images)
    async with (
        filled(given.postgres, "framelog_sharing", given.keep, fill) as postgres,
        Overheard(postgres) as read_model,
    ):
        rows = [await measured(postgres, read_model, name, given.plans) for name in PAGES]
        (counted,) = await read_model.rows("SELECT count(*) AS likes FROM likes")
    head = ["| page | finds | begins at | pages read | posts, ms | whole page, ms |", "|---|---:|---|---:|---:|---:|"]
    written(RESULTS, head, rows, f"{given.images:,} posts, {counted['likes']:,} likes")


async def measured(postgres: str, read_model: Overheard, name: str, plans: bool) -> str:
    """A row of the table."""
    listing, given, key = PAGES[name]
    place = await middle(read_model, key) if key else {}
    (best,) = await read_model.rows(BEST_LIKED)
    params = {"viewer": READER, "post_id": best["post_id"], "limit": LIMIT, **place, **given}
    query = listing.statement(bool(place))
    posts = Posts(read_model, cast(Fresh, None))  # what is there is not asked of the log

    async def rows() -> list[Any]:
        return await read_model.rows(query, params)

    async def page() -> bytes:
        if listing in PEOPLE:
            return orjson.dumps([row["name"] for row in await rows()])
        return orjson.dumps([post_json(one) for one in await posts.page(query, params)])

    found = await rows()
    explained = await plan(postgres, query, params)
    if plans:
        print(name, explained.text, sep="\n")
    more = "50 +" if len(found) == LIMIT else str(len(found))
    return (
        f"| {name} | {more} | {explained.begins} | {explained.pages:,} "
        f"| {await timed(rows):.1f} | {await timed(page):.1f} |"
    )


async def middle(read_model: Overheard, key: str) -> dict[str, Any]:
    """A place half way through all posts."""
    query = f"SELECT {key} AS key, post_id FROM posts ORDER BY 1, 2 LIMIT 1 OFFSET (SELECT count(*) / 2 FROM posts)"
    (row,) = await read_model.rows(query)
    return {"after0": row["key"], "after1": row["post_id"]}


if __name__ == "__main__":
    asyncio.run(main())
