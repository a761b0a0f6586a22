"""Commands on posts and follows: what is asked for becomes the event that proposes it. Pure."""

from contracts.follows import AccountFollowed, AccountUnfollowed, AnyFollowEvent
from contracts.posts import Post, PostDeleted, PostEdited, PostLiked, PostUnliked


def edit(post: Post, caption: str | None, expected: int | None, actor: str) -> PostEdited:
    return PostEdited(
        post_id=post.post_id,
        owner=post.author,
        actor=actor,
        expected_version=expected,
        caption=caption,
        image_id=post.image_id,
    )


def delete(post: Post, expected: int | None, actor: str) -> PostDeleted:
    return PostDeleted(
        post_id=post.post_id,
        owner=post.author,
        actor=actor,
        expected_version=expected,
        image_id=post.image_id,
    )


def like(post: Post, likes: bool, actor: str) -> PostLiked | PostUnliked:
    return (PostLiked if likes else PostUnliked)(post_id=post.post_id, owner=actor, actor=actor)


def follow(account: str, follows: bool, actor: str) -> AnyFollowEvent:
    return (AccountFollowed if follows else AccountUnfollowed)(follower=actor, actor=actor, account=account)
