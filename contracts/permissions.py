"""Who may do what: the one place that decides. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from contracts.accounts import Role, Scope

Verdict = Literal["allowed", "hidden", "forbidden"]
"""`hidden` is told as what does not exist (404), `forbidden` as what may not be done (403)."""
Action = Literal[
    "see-profile",
    "see-self",
    "manage-self",
    "see-image",
    "see-rendition",
    "see-own-image",
    "see-events",
    "add-image",
    "change-image",
    "see-post",
    "share",
    "change-post",
    "administer",
]

EVERY_SCOPE: frozenset[Scope] = frozenset(get_args(Scope))


@dataclass(frozen=True, slots=True)
class Principal:
    """An account that has shown who it is. `checked` is False where only its token could be: Postgres is away."""

    account: str
    role: Role
    scopes: frozenset[Scope] = EVERY_SCOPE
    checked: bool = True


@dataclass(frozen=True, slots=True)
class Subject:
    """What something is done to: whose it is, and whether others know that it exists."""

    owner: str | None = None
    public: bool = True


HOUSE = Subject()
"""Nothing in particular, known to everybody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """`scope` is what an API key needs; `owners_only` what is shown or done for its owner alone; `nobody` whether it
    takes no account at all."""

    scope: Scope | None = None
    owners_only: bool = False
    admins_only: bool = False
    nobody: bool = False


RULES: Mapping[Action, Rule] = {
    "see-profile": Rule(),
    "see-self": Rule(),
    "manage-self": Rule(scope="admin"),
    "see-image": Rule(scope="images:read"),
    "see-rendition": Rule(scope="images:read", nobody=True),
    "see-own-image": Rule(scope="images:read", owners_only=True),
    "see-events": Rule(scope="images:read"),
    "add-image": Rule(scope="images:write"),
    "change-image": Rule(scope="images:write", owners_only=True),
    "see-post": Rule(scope="images:read", nobody=True),
    "share": Rule(scope="social:write"),
    "change-post": Rule(scope="social:write", owners_only=True),
    "administer": Rule(scope="admin", admins_only=True),
}


def decide(who: Principal | None, action: Action, on: Subject = HOUSE) -> Verdict:
    """Whether somebody, or nobody, may do something to a subject."""
    rule = RULES[action]
    if who is None:
        return ("allowed" if on.public else "hidden") if rule.nobody else "forbidden"
    if rule.scope and rule.scope not in who.scopes:
        return "forbidden"
    if rule.admins_only and who.role != "admin":
        return "forbidden"
    if on.owner in (None, who.account):
        return "allowed"
    if not on.public:
        return "hidden"
    return "forbidden" if rule.owners_only else "allowed"
