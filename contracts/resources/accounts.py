"""An account as the API shows it: a public profile, and more to itself and to admins."""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from contracts.accounts import Account, ApiKey
from contracts.events import Json, Position
from contracts.resources.images import time


@dataclass(frozen=True, slots=True)
class Counts:
    """What is counted of an account at read."""

    posts: int = 0
    followers: int = 0
    following: int = 0


def profile_json(account: Account, counts: Counts) -> dict[str, Json]:
    """What everybody with an account may see."""
    return {
        "id": account.account_id,
        "username": account.name,
        "created_at": time(account.created_at),
        "posts": counts.posts,
        "followers": counts.followers,
        "following": counts.following,
    }


def whole_json(account: Account, counts: Counts, email: str | None) -> dict[str, Json]:
    """What the account itself and admins see. `email` None: it cannot be unsealed."""
    return profile_json(account, counts) | {
        "email": email,
        "role": account.role,
        "disabled": account.disabled,
        "version": account.version,
    }


def registered_json(account: Account, position: Position) -> dict[str, Json]:
    return {
        "id": account.account_id,
        "username": account.name,
        "role": account.role,
        "created_at": time(account.created_at),
        "position": str(position),
    }


def api_key_json(key: ApiKey) -> dict[str, Json]:
    """Without the key itself, which nobody knows any more."""
    return {"id": key.key_id, "name": key.name, "scopes": key.scopes, "created_at": time(key.created_at)}


def issued_json(key_id: UUID, name: str, scopes: tuple[str, ...], key: str) -> Mapping[str, Json]:
    """The one answer that holds the key."""
    return {"id": key_id, "name": name, "scopes": scopes, "key": key}
