"""The fold of an account, event by event."""

from datetime import timedelta

import pytest

from contracts.accounts import (
    MOST_API_KEYS,
    Account,
    AccountDisabled,
    AccountEnabled,
    AccountRegistered,
    AnyAccountEvent,
    ApiKeyIssued,
    ApiKeyRevoked,
    PasswordChanged,
    RoleGranted,
    WebhookSecretRotated,
    apply,
)
from contracts.events import Rejected
from tests.events import NOON, sha, uid

ALICE = {"account": "alice", "actor": "alice"}
BY_ADMIN = {"account": "alice", "actor": "admin"}
REGISTERED = AccountRegistered(**ALICE, account_id=uid("alice"), sealed_email="e", sealed_password_hash="p")
AGAIN = AccountRegistered(**ALICE, account_id=uid("other"), sealed_email="x", sealed_password_hash="y")
DISABLED, ENABLED = AccountDisabled(**BY_ADMIN), AccountEnabled(**BY_ADMIN)


def changed(epoch: int = 1, sealed: str = "q") -> PasswordChanged:
    return PasswordChanged(**ALICE, expected_epoch=epoch, sealed_password_hash=sealed)


def issued(name: object = "key") -> ApiKeyIssued:
    return ApiKeyIssued(**ALICE, key_id=uid(name), name=str(name), scopes=("images:read",), key_sha256=sha(name))


def rotated(generation: int = 1) -> WebhookSecretRotated:
    return WebhookSecretRotated(**ALICE, expected_generation=generation)


def folded(*happened: AnyAccountEvent) -> Account | Rejected | None:
    """The last answer of the fold; a rejected event leaves the state as it was."""
    state: Account | None = None
    answer: Account | Rejected | None = None
    for minute, event in enumerate(happened):
        answer = apply(state, event, NOON + timedelta(minutes=minute))
        state = state if isinstance(answer, Rejected) else answer
    return answer


def standing(*happened: AnyAccountEvent) -> Account:
    account = folded(*happened)
    assert isinstance(account, Account)
    return account


def test_the_first_claim_of_a_name_wins() -> None:
    assert folded(REGISTERED, AGAIN) == Rejected("username-taken")
    assert standing(REGISTERED, AGAIN, RoleGranted(**BY_ADMIN, role="admin")).account_id == uid("alice")


def test_of_two_changes_of_the_same_password_the_first_counts() -> None:
    assert folded(REGISTERED, changed(sealed="first"), changed(sealed="second")) == Rejected("password-changed")
    account = standing(REGISTERED, changed(), changed(epoch=2, sealed="third"))
    assert (account.sealed_password_hash, account.epoch) == ("third", 3)


def test_disabling_ends_tokens_once_and_enabling_brings_none_back() -> None:
    epochs = [standing(*happened).epoch for happened in ([REGISTERED], [REGISTERED, DISABLED])]
    assert epochs == [1, 2]
    assert standing(REGISTERED, DISABLED, DISABLED).epoch == 2
    account = standing(REGISTERED, DISABLED, ENABLED)
    assert (account.epoch, account.disabled) == (2, False)


def test_a_disabled_account_loses_keys_and_gains_none() -> None:
    assert standing(REGISTERED, issued(), DISABLED, ApiKeyRevoked(**ALICE, key_id=uid("key"))).api_keys == ()


def test_a_revoked_key_is_gone_and_the_others_stay() -> None:
    account = standing(REGISTERED, issued("a"), issued("b"), ApiKeyRevoked(**ALICE, key_id=uid("a")))
    assert [(key.name, key.created_at) for key in account.api_keys] == [("b", NOON + timedelta(minutes=2))]


def test_a_webhook_secret_remembers_when_it_was_rotated() -> None:
    account = standing(REGISTERED, rotated(), rotated(2))
    assert (account.webhook_generation, account.webhook_rotated_at) == (3, NOON + timedelta(minutes=2))


@pytest.mark.parametrize("event", [changed(), issued(), rotated(), DISABLED, ENABLED])
def test_nothing_happens_to_who_is_not_there(event: AnyAccountEvent) -> None:
    assert folded(event) == Rejected("account-not-found")


@pytest.mark.parametrize(
    ("happened", "reason"),
    [
        ([REGISTERED, DISABLED, changed()], "account-disabled"),
        ([REGISTERED, DISABLED, issued()], "account-disabled"),
        ([REGISTERED, DISABLED, rotated()], "account-disabled"),
        ([REGISTERED, issued(), issued()], "api-key-exists"),
        ([REGISTERED, *map(issued, range(MOST_API_KEYS)), issued()], "too-many-api-keys"),
        ([REGISTERED, ApiKeyRevoked(**ALICE, key_id=uid("key"))], "api-key-not-found"),
        ([REGISTERED, rotated(2)], "webhook-secret-rotated"),
    ],
)
def test_a_rejected_event_says_why(happened: list[AnyAccountEvent], reason: str) -> None:
    assert folded(*happened) == Rejected(reason)
