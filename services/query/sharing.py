"""The SQL of sharing: pages of posts and of people, each along an index of its own (docs/sharing.md)."""

from dataclasses import dataclass

from adapters.posts import SHOWN


@dataclass(frozen=True, slots=True)
class Listing:
    """A page in descending order of `keys`, columns of its rows; `types` are their Postgres types."""

    query: str
    keys: tuple[str, ...]
    types: tuple[str, ...]

    def statement(self, continued: bool) -> str:
        """Its SQL, with %(limit)s; where it goes on, after %(after0)s, %(after1)s…"""
        after = ", ".join(f"%(after{number})s::{type_}" for number, type_ in enumerate(self.types))
        beyond = f"({', '.join(self.keys)}) < ({after})" if continued else "true"
        order = ", ".join(f"{key} DESC" for key in self.keys)
        return f"{self.query.replace('/* beyond */', f'AND {beyond}')}\nORDER BY {order} LIMIT %(limit)s"


_TIME, _LIKES = (
    (("post.created_at", "post.post_id"), ("timestamptz", "uuid")),
    (("post.likes", "post.post_id"), ("int", "uuid")),
)
_ALL = f"{SHOWN} shown_posts AS post WHERE true /* beyond */"
_BY_AUTHOR = f"{SHOWN} shown_posts AS post WHERE post.author = %(author)s /* beyond */"

NEWEST, MOST_LIKED = Listing(_ALL, *_TIME), Listing(_ALL, *_LIKES)
NEWEST_BY_AUTHOR, MOST_LIKED_BY_AUTHOR = Listing(_BY_AUTHOR, *_TIME), Listing(_BY_AUTHOR, *_LIKES)

# Of each account that one follows no more than a page is looked at, in the order of its own index.
FEED = Listing(
    f"""{SHOWN} follows AS follow CROSS JOIN LATERAL (
    SELECT * FROM shown_posts AS post WHERE post.author = follow.account /* beyond */
    ORDER BY post.created_at DESC, post.post_id DESC LIMIT %(limit)s
) AS post WHERE follow.follower = %(viewer)s AND follow.follows""",
    *_TIME,
)

FOLLOWERS = Listing(
    "SELECT follower AS name, since FROM follows WHERE account = %(name)s AND follows /* beyond */",
    ("since", "follower"),
    ("timestamptz", "text"),
)
FOLLOWING = Listing(
    "SELECT account AS name, since FROM follows WHERE follower = %(name)s AND follows /* beyond */",
    ("since", "account"),
    ("timestamptz", "text"),
)
LIKES = Listing(
    "SELECT account AS name, since FROM likes WHERE post_id = %(post_id)s AND likes /* beyond */",
    ("since", "account"),
    ("timestamptz", "text"),
)
