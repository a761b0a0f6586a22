"""What is read of sharing: posts, the feed, who follows whom, who likes what."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from adapters.conditions import etag
from adapters.http import Json
from adapters.principal import may
from contracts.events import Json as JsonValue
from contracts.permissions import Principal
from contracts.problems import Problem
from contracts.resources.images import time
from contracts.resources.posts import Shown, post_json
from services.query import sharing
from services.query.cursors import decoded, encoded
from services.query.pages import Cursor, Limit, page
from services.query.parts import FRESH, Parts, Reading
from services.query.sharing import Listing

ROUTES = APIRouter(tags=["sharing"])

See = Annotated[Principal | None, may("see-post")]
SeeProfile = Annotated[Principal, may("see-profile")]
Follower = Annotated[Principal, may("see-image")]
Author = Annotated[str | None, Query(pattern=r"^[^\x00]{1,32}$", description="posts of this account alone")]


@ROUTES.get("/v1/posts")
async def list_posts(
    request: Request,
    parts: Parts,
    who: See,
    sort: Literal["newest", "most_liked"] = "newest",
    author: Author = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Response:
    """Everybody's posts."""
    listings = {
        ("newest", False): sharing.NEWEST,
        ("most_liked", False): sharing.MOST_LIKED,
        ("newest", True): sharing.NEWEST_BY_AUTHOR,
        ("most_liked", True): sharing.MOST_LIKED_BY_AUTHOR,
    }
    name = author.lower() if author else None
    question = ["posts", sort, name]
    return await _posts(request, parts, who, listings[sort, bool(name)], question, {"author": name}, limit, cursor)


@ROUTES.get("/v1/feed")
async def feed(request: Request, parts: Parts, who: Follower, limit: Limit = 50, cursor: Cursor = None) -> Response:
    """The posts of those one follows, newest first."""
    return await _posts(request, parts, who, sharing.FEED, ["feed", who.account], {}, limit, cursor)


@ROUTES.get("/v1/posts/{post_id}")
async def show_post(parts: Parts, who: See, post_id: UUID) -> Response:
    """One post, to anybody."""
    found = await _post(parts, who, post_id)
    headers = {"ETag": etag(found.post.version), "Framelog-Position": str(found.position)}
    return Json(post_json(found), headers={**FRESH, **headers})


@ROUTES.get("/v1/posts/{post_id}/likes")
async def list_likes(
    request: Request, parts: Parts, who: See, post_id: UUID, limit: Limit = 50, cursor: Cursor = None
) -> Response:
    """Who likes a post, the latest first."""
    await _post(parts, who, post_id)
    return await _people(request, parts, sharing.LIKES, ["likes", str(post_id)], {"post_id": post_id}, limit, cursor)


@ROUTES.get("/v1/accounts/{username}/followers")
async def list_followers(
    request: Request, parts: Parts, who: SeeProfile, username: str, limit: Limit = 50, cursor: Cursor = None
) -> Response:
    """Who follows an account, the latest first."""
    name = await _name(parts, username)
    return await _people(request, parts, sharing.FOLLOWERS, ["followers", name], {"name": name}, limit, cursor)


@ROUTES.get("/v1/accounts/{username}/following")
async def list_following(
    request: Request, parts: Parts, who: SeeProfile, username: str, limit: Limit = 50, cursor: Cursor = None
) -> Response:
    """Whom an account follows, the latest first."""
    name = await _name(parts, username)
    return await _people(request, parts, sharing.FOLLOWING, ["following", name], {"name": name}, limit, cursor)


async def _posts(
    request: Request,
    parts: Reading,
    who: Principal | None,
    listing: Listing,
    question: JsonValue,
    params: Mapping[str, Any],
    limit: int,
    cursor: str | None,
) -> Response:
    place = decoded(cursor, question, listing.types) if cursor else []
    asked = {**params, **_bound(place), "viewer": who.account if who else None, "limit": limit + 1}
    found = await parts.posts.page(listing.statement(bool(place)), asked)
    last = found[limit - 1].post if len(found) > limit else None
    key = last and (last.likes if "post.likes" in listing.keys else last.created_at.isoformat())
    following = encoded([key, str(last.post_id)], question) if last else None
    return page(request, [post_json(one) for one in found[:limit]], following)


async def _people(
    request: Request,
    parts: Reading,
    listing: Listing,
    question: JsonValue,
    params: Mapping[str, Any],
    limit: int,
    cursor: str | None,
) -> Response:
    place = decoded(cursor, question, listing.types) if cursor else []
    asked = {**params, **_bound(place), "limit": limit + 1}
    rows = await parts.read_model.rows(listing.statement(bool(place)), asked)
    last = rows[limit - 1] if len(rows) > limit else None
    following = encoded([last["since"].isoformat(), last["name"]], question) if last else None
    items = [{"username": row["name"], "since": time(row["since"])} for row in rows[:limit]]
    return page(request, items, following)


def _bound(place: list[Any]) -> dict[str, Any]:
    return {f"after{number}": value for number, value in enumerate(place)}


async def _post(parts: Reading, who: Principal | None, post_id: UUID) -> Shown:
    found = await parts.posts.one(post_id, who.account if who else None)
    if found is None:
        raise Problem("not-found", f"There is no post {post_id}.")
    return found


async def _name(parts: Reading, username: str) -> str:
    found = await parts.accounts.named(username.lower())
    if found is None:
        raise Problem("not-found", f"There is no account {username[:100]}.")
    return found.state.name
