"""The first start: the house's keys, and its first account, before anybody can knock."""

import secrets
from datetime import datetime
from pathlib import Path

import msgspec
import orjson
from aiokafka import AIOKafkaConsumer, TopicPartition
from argon2 import PasswordHasher

from adapters import keys
from adapters.kafka import connecting
from adapters.keys import Keys, NoKeys
from adapters.log import MAX_RECORD, Log, Names
from contracts import accounts, ids
from contracts.accounts import Account, AccountRegistered
from contracts.codec import decode
from contracts.events import Cause, Rejected, Undecodable
from contracts.topics import ACCOUNTS

ADMIN = "admin"
CREDENTIALS = "credentials.json"
EMAIL = "admin@localhost"


class Credentials(msgspec.Struct, frozen=True):
    """How the command line signs in on this machine."""

    url: str
    username: str
    password: str


async def first_start(
    kafka: str, names: Names, keys_file: Path, credentials_file: Path, url: str, now: datetime
) -> Keys:
    """The keys, made where there is nothing yet that they would have to read; and an account `admin` in the log.

    Raises NoKeys where the log holds accounts that the keys at hand cannot read, or none are at hand.
    """
    claimed, empty = await _admin(kafka, names)
    found = _keys(keys_file, may_create=empty)
    if claimed:
        found.email(claimed)
        _move(credentials_file, url)
    else:
        await _register(kafka, names, found, _credentials(credentials_file, url), now)
    return found


def _keys(path: Path, may_create: bool) -> Keys:
    if path.exists() or not may_create:
        return keys.load(path)
    try:
        return keys.create(path)
    except FileExistsError:  # another process has started at the same moment
        return keys.load(path)


def _credentials(path: Path, url: str) -> Credentials:
    """On disk before the account is. A password that is there already is kept."""
    fresh = Credentials(url, ADMIN, secrets.token_urlsafe(16))
    try:
        _write(path, fresh, anew=True)
    except FileExistsError:
        return _known(path)
    return fresh


def _move(path: Path, url: str) -> None:
    """The command line finds the API where it is now."""
    if path.exists() and (known := _known(path)).url != url:
        _write(path, msgspec.structs.replace(known, url=url))


def _write(path: Path, credentials: Credentials, anew: bool = False) -> None:
    content = orjson.dumps(msgspec.structs.asdict(credentials), option=orjson.OPT_INDENT_2)
    keys.write_secret(path, content, anew=anew)


def _known(path: Path) -> Credentials:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Credentials)
    except (OSError, msgspec.DecodeError) as error:
        raise NoKeys(f"{path} cannot be read ({error}); mend or delete it") from None


async def _admin(kafka: str, names: Names) -> tuple[Account | None, bool]:
    """The account `admin` as the log has it, and whether no account was ever claimed."""
    at = TopicPartition(names.physical(ACCOUNTS.name), 0)
    consumer = AIOKafkaConsumer(**connecting(kafka), enable_auto_commit=False, max_partition_fetch_bytes=MAX_RECORD)
    admin: Account | None = None
    async with consumer:
        consumer.assign([at])
        await consumer.seek_to_beginning(at)
        end = (await consumer.end_offsets([at]))[at]
        while await consumer.position(at) < end:
            for raw in (await consumer.getmany(at, timeout_ms=1_000)).get(at, ()):
                try:
                    recorded = decode(names.record(raw))
                except Undecodable:  # the projector buries it
                    continue
                if recorded.event.account == ADMIN:
                    folded = accounts.apply(admin, recorded.event, recorded.time)
                    admin = admin if isinstance(folded, Rejected) else folded
    return admin, end == 0


async def _register(kafka: str, names: Names, found: Keys, credentials: Credentials, now: datetime) -> None:
    event_id = ids.bootstrap()
    event = AccountRegistered(
        account=ADMIN,
        actor=ADMIN,
        account_id=ids.account(event_id),
        sealed_email=found.seal_email(ADMIN, EMAIL),
        sealed_password_hash=found.seal_password_hash(ADMIN, PasswordHasher().hash(credentials.password)),
        role="admin",
    )
    async with Log(kafka, names) as log:
        await log.append(event, Cause(event_id=event_id, source="ingest", time=now))
