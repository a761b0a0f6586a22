"""The table `accounts`: how an account lies in columns, for the projector that writes it and for all who read it."""

from collections.abc import Sequence
from typing import Any

import msgspec

from contracts.accounts import Account, ApiKey
from contracts.events import Position
from contracts.read_model.placed import Placed
from contracts.topics import ACCOUNTS

COLUMNS = (
    ("name", "text"),
    ("account_id", "uuid"),
    ("role", "text"),
    ("version", "int4"),
    ("epoch", "int4"),
    ("sealed_email", "text"),
    ("sealed_password_hash", "text"),
    ("created_at", "timestamptz"),
    ("disabled", "bool"),
    ("api_keys", "jsonb"),
    ("webhook_generation", "int4"),
    ("webhook_rotated_at", "timestamptz"),
    ("partition", "int4"),
    ("offset", "int8"),
    ("api_key_ids", "uuid[]"),
)

_API_KEYS = msgspec.json.Decoder(tuple[ApiKey, ...])


def values(placed: Placed[Account]) -> tuple[Any, ...]:
    """A row of the table, in the order of COLUMNS."""
    account, at = placed.state, placed.position
    return (
        *(account.name, account.account_id, account.role, account.version, account.epoch, account.sealed_email),
        *(account.sealed_password_hash, account.created_at, account.disabled, msgspec.json.encode(account.api_keys)),
        *(account.webhook_generation, account.webhook_rotated_at, at.partition, at.offset),
        [key.key_id for key in account.api_keys],
    )


def placed(row: Sequence[Any]) -> Placed[Account]:
    """The state in a row of COLUMNS, `api_keys` still as JSON."""
    name, account_id, role, version, epoch, sealed_email, sealed_password_hash, created_at, disabled, *rest = row
    api_keys, webhook_generation, webhook_rotated_at, partition, offset, _ = rest
    account = Account(
        name=name,
        account_id=account_id,
        role=role,
        version=version,
        epoch=epoch,
        sealed_email=sealed_email,
        sealed_password_hash=sealed_password_hash,
        created_at=created_at,
        disabled=disabled,
        api_keys=_API_KEYS.decode(api_keys),
        webhook_generation=webhook_generation,
        webhook_rotated_at=webhook_rotated_at,
    )
    return Placed(account, Position(ACCOUNTS.name, partition, offset))
