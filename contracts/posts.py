"""Topic `framelog.posts`: images that are shown to everybody, and who likes them."""

from datetime import datetime
from typing import assert_never
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from contracts.accounts import AccountName
from contracts.events import Rejected, Text, Version


class PostPublished(Struct, frozen=True, kw_only=True):
    """An image is shown: the first event of a post's id. `owner` is its author."""

    post_id: UUID
    owner: AccountName
    actor: AccountName
    image_id: UUID
    caption: Text | None = None


class PostEdited(Struct, frozen=True, kw_only=True):
    """Another caption; None for none. `image_id` is the post's image, whose history it belongs to."""

    post_id: UUID
    owner: AccountName
    actor: AccountName
    expected_version: Version | None
    caption: Text | None
    image_id: UUID | None = None


class PostDeleted(Struct, frozen=True, kw_only=True):
    """Nobody sees the post any more; its image, `image_id`, stays as it is."""

    post_id: UUID
    owner: AccountName
    actor: AccountName
    expected_version: Version | None
    image_id: UUID | None = None


class PostLiked(Struct, frozen=True, kw_only=True):
    """`owner` is who likes it: it is their event."""

    post_id: UUID
    owner: AccountName
    actor: AccountName


class PostUnliked(Struct, frozen=True, kw_only=True):
    post_id: UUID
    owner: AccountName
    actor: AccountName


PostEvent = PostPublished | PostEdited | PostDeleted | PostLiked | PostUnliked


class Post(Struct, frozen=True, kw_only=True):
    """A post as the log tells it. `likes` counts the accounts whose last word was a like."""

    post_id: UUID
    author: str
    image_id: UUID
    caption: str | None
    version: int
    likes: int
    created_at: datetime
    deleted_at: datetime | None = None


class Like(Struct, frozen=True, kw_only=True):
    """The last word of one account on one post."""

    post_id: UUID
    account: str
    likes: bool
    since: datetime


def apply(post: Post | None, like: Like | None, event: PostEvent, time: datetime) -> Post | Rejected:
    """Fold one event, appended at `time`, into the post. `like` is the last word of who likes or unlikes it. Pure.

    Rejected reasons: `post-exists`, `post-not-found`, `post-deleted`, `version-mismatch`.
    """
    if post is None:
        return _published(event, time) if isinstance(event, PostPublished) else Rejected("post-not-found")
    if post.deleted_at:
        return Rejected("post-exists" if isinstance(event, PostPublished) else "post-deleted")
    match event:
        case PostPublished():
            return Rejected("post-exists")
        case PostEdited():
            return _stale(post, event.expected_version) or _next(post, caption=event.caption)
        case PostDeleted():
            return _stale(post, event.expected_version) or _next(post, deleted_at=time)
        case PostLiked() | PostUnliked():
            before, now = like is not None and like.likes, isinstance(event, PostLiked)
            return post if before == now else replace(post, likes=post.likes + now - before)
        case _:
            assert_never(event)


def liked(like: Like | None, event: PostLiked | PostUnliked, time: datetime) -> Like:
    """The account's word after an accepted event; `since` is when it last changed."""
    likes = isinstance(event, PostLiked)
    if like and like.likes == likes:
        return like
    return Like(post_id=event.post_id, account=event.owner, likes=likes, since=time)


def _published(event: PostPublished, time: datetime) -> Post:
    return Post(
        post_id=event.post_id,
        author=event.owner,
        image_id=event.image_id,
        caption=event.caption,
        version=1,
        likes=0,
        created_at=time,
    )


def _stale(post: Post, expected_version: int | None) -> Rejected | None:
    return Rejected("version-mismatch") if expected_version not in (None, post.version) else None


def _next(post: Post, **changes: object) -> Post:
    return replace(post, version=post.version + 1, **changes)
