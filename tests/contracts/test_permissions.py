"""The one place that decides, asked about everybody."""

from typing import get_args

import pytest

from contracts.permissions import EVERY_SCOPE, HOUSE, RULES, Action, Principal, Subject, Verdict, decide

OWNER, STRANGER = Principal("alice", "user"), Principal("bob", "user")
ADMIN, NOBODY = Principal("admin", "admin"), None
KEY = Principal("alice", "user", frozenset({"images:read"}))
PRIVATE, PUBLIC = Subject("alice", public=False), Subject("alice", public=True)

TABLE: list[tuple[Action, Subject, dict[str, Verdict]]] = [
    ("see-image", PRIVATE, {"owner": "allowed", "stranger": "hidden", "admin": "hidden", "nobody": "forbidden"}),
    ("see-image", PUBLIC, {"owner": "allowed", "stranger": "allowed", "admin": "allowed", "nobody": "forbidden"}),
    ("see-rendition", PRIVATE, {"owner": "allowed", "stranger": "hidden", "admin": "hidden", "nobody": "hidden"}),
    ("see-rendition", PUBLIC, {"owner": "allowed", "stranger": "allowed", "admin": "allowed", "nobody": "allowed"}),
    ("see-own-image", PRIVATE, {"owner": "allowed", "stranger": "hidden", "admin": "hidden", "nobody": "forbidden"}),
    ("see-own-image", PUBLIC, {"owner": "allowed", "stranger": "forbidden", "admin": "forbidden"}),
    ("change-image", PRIVATE, {"owner": "allowed", "stranger": "hidden", "admin": "hidden", "key": "forbidden"}),
    ("change-image", PUBLIC, {"owner": "allowed", "stranger": "forbidden", "admin": "forbidden", "key": "forbidden"}),
    ("change-post", PUBLIC, {"owner": "allowed", "stranger": "forbidden", "key": "forbidden", "nobody": "forbidden"}),
    ("see-post", PUBLIC, {"owner": "allowed", "stranger": "allowed", "key": "allowed", "nobody": "allowed"}),
    ("add-image", HOUSE, {"owner": "allowed", "stranger": "allowed", "key": "forbidden", "nobody": "forbidden"}),
    ("see-events", HOUSE, {"owner": "allowed", "stranger": "allowed", "key": "allowed", "nobody": "forbidden"}),
    ("share", HOUSE, {"owner": "allowed", "stranger": "allowed", "key": "forbidden", "nobody": "forbidden"}),
    ("administer", HOUSE, {"owner": "forbidden", "admin": "allowed", "key": "forbidden", "nobody": "forbidden"}),
    ("manage-self", HOUSE, {"owner": "allowed", "admin": "allowed", "key": "forbidden", "nobody": "forbidden"}),
    ("see-self", HOUSE, {"owner": "allowed", "key": "allowed", "nobody": "forbidden"}),
    ("see-profile", HOUSE, {"owner": "allowed", "key": "allowed", "nobody": "forbidden"}),
]
WHO = {"owner": OWNER, "stranger": STRANGER, "admin": ADMIN, "nobody": NOBODY, "key": KEY}


@pytest.mark.parametrize(("action", "on", "verdicts"), TABLE)
def test_everybody_gets_what_the_table_says(action: Action, on: Subject, verdicts: dict[str, Verdict]) -> None:
    assert {who: decide(WHO[who], action, on) for who in verdicts} == verdicts


def test_every_action_has_a_rule_and_a_row() -> None:
    assert set(get_args(Action)) == set(RULES) == {action for action, _, _ in TABLE}


def test_a_key_of_an_admin_without_the_scope_is_no_admin() -> None:
    assert decide(Principal("admin", "admin", EVERY_SCOPE - {"admin"}), "administer") == "forbidden"
