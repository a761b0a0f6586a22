"""Topic `framelog.follows`: who wants to see whose posts. The last word of a follower on an account counts."""

from datetime import datetime

from msgspec import Struct

from contracts.accounts import AccountName
from contracts.events import Rejected


class FollowEvent(Struct, frozen=True, kw_only=True):
    """`follower` says something of `account`."""

    follower: AccountName
    actor: AccountName
    account: AccountName

    @property
    def owner(self) -> str:
        """Whose event it is, as every event of an image says too."""
        return self.follower


class AccountFollowed(FollowEvent, frozen=True, kw_only=True):
    """From now on the follower's feed has the account's posts."""


class AccountUnfollowed(FollowEvent, frozen=True, kw_only=True):
    """It has them no longer."""


AnyFollowEvent = AccountFollowed | AccountUnfollowed


class Follow(Struct, frozen=True, kw_only=True):
    follower: str
    account: str
    follows: bool
    since: datetime


def apply(follow: Follow | None, event: AnyFollowEvent, time: datetime) -> Follow | Rejected:
    """Fold one event, appended at `time`, into what is between the two. Pure.

    Rejected reasons: `follows-itself`.
    """
    if event.follower == event.account:
        return Rejected("follows-itself")
    follows = isinstance(event, AccountFollowed)
    if follow and follow.follows == follows:
        return follow
    return Follow(follower=event.follower, account=event.account, follows=follows, since=time)
