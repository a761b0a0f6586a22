"""The folds of posts, likes and follows; and the count, which is right however often and in which order it comes."""

from collections.abc import Sequence
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts import follows, posts
from contracts.codec import decode, encode
from contracts.events import Cause, Record, Rejected
from contracts.follows import AccountFollowed, AccountUnfollowed
from contracts.posts import Post, PostDeleted, PostEdited, PostEvent, PostLiked, PostPublished, PostUnliked
from services.projector.fold import Cut, cut, fold, touched
from services.projector.rows import Rows
from tests.events import NOON, uid

ID = uid("post")
ALICE = {"post_id": ID, "owner": "alice", "actor": "alice"}
PUBLISHED = PostPublished(**ALICE, image_id=uid("image"), caption="At the sea")


def deleted(expected: int | None = None) -> PostDeleted:
    return PostDeleted(**ALICE, expected_version=expected)


def edited(expected: int | None = None, caption: str | None = None) -> PostEdited:
    return PostEdited(**ALICE, expected_version=expected, caption=caption)


def likes(who: str, word: bool = True) -> PostLiked | PostUnliked:
    return (PostLiked if word else PostUnliked)(post_id=ID, owner=who, actor=who)


def folded(*happened: PostEvent) -> Post | Rejected | None:
    """The last answer of the fold, by one whose word was never heard before."""
    state: Post | None = None
    answer: Post | Rejected | None = None
    for minute, event in enumerate(happened):
        answer = posts.apply(state, None, event, NOON + timedelta(minutes=minute))
        state = state if isinstance(answer, Rejected) else answer
    return answer


def test_a_caption_changes_with_the_version_and_a_like_without() -> None:
    post = folded(PUBLISHED, edited(caption="Still there"), likes("bob"))
    assert isinstance(post, Post)
    assert (post.caption, post.version, post.likes, post.author) == ("Still there", 2, 1, "alice")


@pytest.mark.parametrize(
    ("happened", "reason"),
    [
        ([edited()], "post-not-found"),
        ([likes("bob")], "post-not-found"),
        ([PUBLISHED, PUBLISHED], "post-exists"),
        ([PUBLISHED, deleted(), PUBLISHED], "post-exists"),
        ([PUBLISHED, edited(2)], "version-mismatch"),
        ([PUBLISHED, deleted(7)], "version-mismatch"),
        ([PUBLISHED, deleted(), likes("bob")], "post-deleted"),
        ([PUBLISHED, deleted(), edited()], "post-deleted"),
    ],
)
def test_a_rejected_event_says_why(happened: list[PostEvent], reason: str) -> None:
    assert folded(*happened) == Rejected(reason)


def test_the_last_word_of_a_follower_counts() -> None:
    said = {"follower": "bob", "actor": "bob", "account": "alice"}
    follow = follows.apply(None, AccountFollowed(**said), NOON)
    assert isinstance(follow, follows.Follow)
    assert follows.apply(follow, AccountFollowed(**said), NOON + timedelta(hours=1)) == follow
    gone = follows.apply(follow, AccountUnfollowed(**said), NOON + timedelta(hours=2))
    assert isinstance(gone, follows.Follow)
    assert (gone.follows, gone.since) == (False, NOON + timedelta(hours=2))
    itself = AccountFollowed(follower="bob", actor="bob", account="bob")
    assert follows.apply(None, itself, NOON) == Rejected("follows-itself")


WORDS = st.lists(st.tuples(st.sampled_from(["ann", "bob", "cat", "dan"]), st.booleans()), max_size=40)


@given(words=WORDS, cuts=st.lists(st.integers(0, 40)), again=st.lists(st.integers(0, 39)))
def test_a_count_is_a_count_of_rows_however_the_log_is_cut_and_repeated(
    words: list[tuple[str, bool]], cuts: list[int], again: list[int]
) -> None:
    events: list[PostEvent] = [PUBLISHED, *(likes(who, word) for who, word in words)]
    log = [cut_of(event, number) for number, event in enumerate(events)]
    log += [log[number] for number in again if number < len(log)]  # what was sent twice comes again, later
    rows = folded_rows(log, sorted({min(at, len(log)) for at in cuts}))
    (post,) = rows["posts"].values()
    last = dict(words)
    assert post.state.likes == sum(last.values()) == sum(like.likes for like in rows["likes"].values())


def test_what_a_rejected_like_says_is_not_kept() -> None:
    log = [cut_of(event, number) for number, event in enumerate([PUBLISHED, deleted(), likes("bob")])]
    rows = folded_rows(log, [])
    assert rows["likes"] == {}
    assert [row.reason for row in rows["events"].values()] == [None, None, "post-deleted"]


def cut_of(event: PostEvent, number: int) -> Cut:
    cause = Cause(event_id=uid(("event", number)), source="ingest", time=NOON)
    message = encode(event, cause)
    record = Record(
        topic=message.topic,
        partition=0,
        offset=number,
        time=NOON + timedelta(seconds=number),
        key=message.key,
        value=message.value,
        headers=message.headers,
    )
    return cut(decode(record))


def folded_rows(log: Sequence[Cut], cuts: Sequence[int]) -> Rows:
    """The rows after a log that comes in batches."""
    standing: dict[str, dict[Any, Any]] = {}
    bounds = [0, *cuts, len(log)]
    for first, last in pairwise(bounds):
        batch = log[first:last]
        prior = {
            table: {key: standing.get(table, {}).get(key) for key in keys} for table, keys in touched(batch).items()
        }
        prior = {table: {key: row for key, row in rows.items() if row is not None} for table, rows in prior.items()}
        for table, rows in fold(prior, batch).items():
            standing.setdefault(table, {}).update(rows)
    return standing
