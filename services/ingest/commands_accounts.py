"""Commands on accounts: what is asked for becomes the event that proposes it. Pure."""

from contracts.accounts import (
    Account,
    AccountDisabled,
    AccountEnabled,
    AnyAccountEvent,
    PasswordChanged,
    Role,
    RoleGranted,
    WebhookSecretRotated,
)


def change_password(account: Account, sealed_password_hash: str) -> PasswordChanged:
    return PasswordChanged(
        account=account.name,
        actor=account.name,
        expected_epoch=account.epoch,
        sealed_password_hash=sealed_password_hash,
    )


def administer(name: str, actor: str, disabled: bool | None, role: Role | None) -> list[AnyAccountEvent]:
    """One event for each of the two that is to change."""
    events: list[AnyAccountEvent] = []
    if role is not None:
        events.append(RoleGranted(account=name, actor=actor, role=role))
    if disabled is not None:
        events.append((AccountDisabled if disabled else AccountEnabled)(account=name, actor=actor))
    return events


def rotate_webhook_secret(account: Account) -> WebhookSecretRotated:
    return WebhookSecretRotated(
        account=account.name, actor=account.name, expected_generation=account.webhook_generation
    )
