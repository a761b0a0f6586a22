"""A post as everybody sees it."""

from dataclasses import dataclass

from contracts.events import Json, Position
from contracts.posts import Post
from contracts.resources.images import Described, public_json, time


@dataclass(frozen=True, slots=True)
class Shown:
    """A post that everybody sees, with its image; `liked` by who asks."""

    post: Post
    position: Position
    image: Described
    liked: bool


def post_json(shown: Shown) -> dict[str, Json]:
    post = shown.post
    return {
        "id": post.post_id,
        "author": post.author,
        "image": public_json(shown.image),
        "caption": post.caption,
        "likes": post.likes,
        "liked": shown.liked,
        "created_at": time(post.created_at),
        "version": post.version,
    }
