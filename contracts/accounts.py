"""Topic `framelog.accounts`: who may do what. One partition, so the first claim of a name wins on every replay."""

from datetime import datetime
from typing import Annotated, Literal, assert_never
from uuid import UUID

from msgspec import Meta, Struct
from msgspec.structs import replace

from contracts.events import Line, Rejected, Sha256, Slug, Version

NAME = "^[a-z0-9._-]{3,32}$"
AccountName = Annotated[str, Meta(pattern=NAME, max_length=32)]
Role = Literal["user", "admin"]
Scope = Literal["images:read", "images:write", "social:write", "admin"]

MOST_API_KEYS = 100
MOST_EPOCHS = 2**31 - 1


class AccountEvent(Struct, frozen=True, kw_only=True):
    """Something happened to an account. `account` is its name, `actor` the name of who asked."""

    account: AccountName
    actor: AccountName

    @property
    def owner(self) -> str:
        """Whose event it is, as every event of an image says too."""
        return self.account


class AccountRegistered(AccountEvent, frozen=True, kw_only=True):
    """Somebody claims a name. E-mail address and password hash are sealed, never in clear."""

    account_id: UUID
    sealed_email: Line
    sealed_password_hash: Line
    role: Role = "user"


class PasswordChanged(AccountEvent, frozen=True, kw_only=True):
    """Of two changes made of the same password, the first counts."""

    expected_epoch: Version
    sealed_password_hash: Line


class AccountDisabled(AccountEvent, frozen=True, kw_only=True):
    """All of the account's tokens and keys end."""


class AccountEnabled(AccountEvent, frozen=True, kw_only=True):
    """The account may sign in again; its keys work again."""


class RoleGranted(AccountEvent, frozen=True, kw_only=True):
    role: Role


class ApiKeyIssued(AccountEvent, frozen=True, kw_only=True):
    """A key of 256 random bits, of which the log holds the SHA-256 alone."""

    key_id: UUID
    name: Slug
    scopes: tuple[Scope, ...]
    key_sha256: Sha256


class ApiKeyRevoked(AccountEvent, frozen=True, kw_only=True):
    key_id: UUID


class WebhookSecretRotated(AccountEvent, frozen=True, kw_only=True):
    """The secret itself is derived from the generation (`adapters.keys`), so the log holds none."""

    expected_generation: Version


AnyAccountEvent = (
    AccountRegistered
    | PasswordChanged
    | AccountDisabled
    | AccountEnabled
    | RoleGranted
    | ApiKeyIssued
    | ApiKeyRevoked
    | WebhookSecretRotated
)


class ApiKey(Struct, frozen=True, kw_only=True):
    key_id: UUID
    name: str
    scopes: tuple[Scope, ...]
    key_sha256: str
    created_at: datetime


class Account(Struct, frozen=True, kw_only=True):
    """An account as the log tells it. Tokens carry `epoch`; those of an older one are no longer good."""

    name: str
    account_id: UUID
    role: Role
    version: int
    epoch: int
    sealed_email: str
    sealed_password_hash: str
    created_at: datetime
    disabled: bool = False
    api_keys: tuple[ApiKey, ...] = ()
    webhook_generation: int = 1
    webhook_rotated_at: datetime | None = None


def apply(account: Account | None, event: AnyAccountEvent, time: datetime) -> Account | Rejected:
    """Fold one event, appended at `time`, into the account. Pure.

    Rejected reasons: `username-taken`, `account-not-found`, `account-disabled`, `password-changed`,
    `too-many-api-keys`, `api-key-exists`, `api-key-not-found`, `webhook-secret-rotated`.
    """
    if account is None:
        return _registered(event, time) if isinstance(event, AccountRegistered) else Rejected("account-not-found")
    match event:
        case AccountRegistered():
            return Rejected("username-taken")
        case AccountDisabled():
            return _next(account, disabled=True, epoch=account.epoch + (not account.disabled))
        case AccountEnabled():
            return _next(account, disabled=False)
        case RoleGranted():
            return _next(account, role=event.role)
        case ApiKeyRevoked():
            return _revoked(account, event.key_id)
        case _:
            return Rejected("account-disabled") if account.disabled else _changed(account, event, time)


def _changed(
    account: Account, event: PasswordChanged | ApiKeyIssued | WebhookSecretRotated, time: datetime
) -> Account | Rejected:
    """What only a living account may do."""
    match event:
        case PasswordChanged():
            if event.expected_epoch != account.epoch:
                return Rejected("password-changed")
            return _next(account, sealed_password_hash=event.sealed_password_hash, epoch=account.epoch + 1)
        case ApiKeyIssued():
            return _issued(account, event, time)
        case WebhookSecretRotated():
            if event.expected_generation != account.webhook_generation:
                return Rejected("webhook-secret-rotated")
            return _next(account, webhook_generation=account.webhook_generation + 1, webhook_rotated_at=time)
        case _:
            assert_never(event)


def _registered(event: AccountRegistered, time: datetime) -> Account:
    return Account(
        name=event.account,
        account_id=event.account_id,
        role=event.role,
        version=1,
        epoch=1,
        sealed_email=event.sealed_email,
        sealed_password_hash=event.sealed_password_hash,
        created_at=time,
    )


def _issued(account: Account, event: ApiKeyIssued, time: datetime) -> Account | Rejected:
    if any(key.key_id == event.key_id for key in account.api_keys):
        return Rejected("api-key-exists")
    if len(account.api_keys) >= MOST_API_KEYS:
        return Rejected("too-many-api-keys")
    key = ApiKey(
        key_id=event.key_id, name=event.name, scopes=event.scopes, key_sha256=event.key_sha256, created_at=time
    )
    return _next(account, api_keys=(*account.api_keys, key))


def _revoked(account: Account, key_id: UUID) -> Account | Rejected:
    left = tuple(key for key in account.api_keys if key.key_id != key_id)
    return Rejected("api-key-not-found") if left == account.api_keys else _next(account, api_keys=left)


def _next(account: Account, **changes: object) -> Account:
    return replace(account, version=account.version + 1, **changes)
