"""The tables `posts`, `likes` and `follows`: how they lie in columns."""

from collections.abc import Sequence
from typing import Any

from contracts.events import Position
from contracts.follows import Follow
from contracts.posts import Like, Post
from contracts.read_model.placed import Placed
from contracts.topics import POSTS

COLUMNS = (
    ("post_id", "uuid"),
    ("author", "text"),
    ("image_id", "uuid"),
    ("caption", "text"),
    ("version", "int4"),
    ("likes", "int4"),
    ("created_at", "timestamptz"),
    ("deleted_at", "timestamptz"),
    ("partition", "int4"),
    ("offset", "int8"),
)
LIKE_COLUMNS = (("post_id", "uuid"), ("account", "text"), ("likes", "bool"), ("since", "timestamptz"))
FOLLOW_COLUMNS = (("follower", "text"), ("account", "text"), ("follows", "bool"), ("since", "timestamptz"))


def values(placed: Placed[Post]) -> tuple[Any, ...]:
    """A row of `posts`, in the order of COLUMNS."""
    post, at = placed.state, placed.position
    return (
        *(post.post_id, post.author, post.image_id, post.caption, post.version, post.likes, post.created_at),
        *(post.deleted_at, at.partition, at.offset),
    )


def placed(row: Sequence[Any]) -> Placed[Post]:
    """The state in a row of COLUMNS."""
    post_id, author, image_id, caption, version, likes, created_at, deleted_at, partition, offset = row
    post = Post(
        post_id=post_id,
        author=author,
        image_id=image_id,
        caption=caption,
        version=version,
        likes=likes,
        created_at=created_at,
        deleted_at=deleted_at,
    )
    return Placed(post, Position(POSTS.name, partition, offset))


def like_values(like: Like) -> tuple[Any, ...]:
    return like.post_id, like.account, like.likes, like.since


def like(row: Sequence[Any]) -> Like:
    post_id, account, likes, since = row
    return Like(post_id=post_id, account=account, likes=likes, since=since)


def follow_values(follow: Follow) -> tuple[Any, ...]:
    return follow.follower, follow.account, follow.follows, follow.since


def follow(row: Sequence[Any]) -> Follow:
    follower, account, follows, since = row
    return Follow(follower=follower, account=account, follows=follows, since=since)
