"""Posts as the read model shows them, each with its image."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from psycopg.rows import DictRow

from adapters.fresh import Fresh
from adapters.read_model import ReadModel
from contracts.read_model.posts import COLUMNS, placed
from contracts.resources.images import Described
from contracts.resources.posts import Shown
from contracts.topics import POSTS

_NAMES = ", ".join(f'post."{name}"' for name, _ in COLUMNS)
# Not EXISTS: for that Postgres may prepare by reading all that the viewer has ever liked.
SHOWN = f"""
SELECT {_NAMES}, coalesce((
    SELECT mine.likes FROM likes AS mine WHERE mine.post_id = post.post_id AND mine.account = %(viewer)s
), false) AS liked
FROM """
ONE = f"{SHOWN} shown_posts AS post WHERE post.post_id = %(post_id)s"


class Posts:
    """`viewer` is the account that looks, or nobody."""

    def __init__(self, read_model: ReadModel, fresh: Fresh) -> None:
        self._read_model = read_model
        self._fresh = fresh

    async def one(self, post_id: UUID, viewer: str | None) -> Shown | None:
        """The post, perhaps a moment old; None only if nobody sees it in the log as of now."""
        return await self.known(post_id, viewer) or await self.newest(post_id, viewer)

    async def known(self, post_id: UUID, viewer: str | None) -> Shown | None:
        found = await self.page(ONE, {"post_id": post_id, "viewer": viewer})
        return found[0] if found else None

    async def newest(self, post_id: UUID, viewer: str | None) -> Shown | None:
        """The post as the log has it as of now. Raises Problem `behind`."""
        await self._fresh.settled(POSTS, str(post_id))
        return await self.known(post_id, viewer)

    async def page(self, query: str, params: Mapping[str, Any]) -> list[Shown]:
        """The posts that a query finds, in its order; it begins with SHOWN."""
        rows = await self._read_model.rows(query, params)
        found = await self._read_model.images([row["image_id"] for row in rows])
        images = {one.image.image_id: one for one in found}
        return [_shown(row, images[row["image_id"]]) for row in rows if row["image_id"] in images]


def _shown(row: DictRow, image: Described) -> Shown:
    at = placed([row[name] for name, _ in COLUMNS])
    return Shown(at.state, at.position, image, row["liked"])
