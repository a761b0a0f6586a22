"""The house's secret keys, `keys.json`: they sign tokens, seal what no event may hold in clear, derive webhook secrets.

The newest key of a kind is used, every older one is still understood; `rotate` adds one. The file is backed up with the
log: without it nobody's password hash in the log can be read.
"""

import base64
import hashlib
import hmac
import os
import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import jwt
import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from msgspec import Meta, Struct

from contracts.accounts import Account

FILE = "keys.json"
ALGORITHM = "EdDSA"
ISSUER = "framelog"
NONCE_BYTES = 12
KEY_BYTES = 32


class NoKeys(Exception):
    """The keys are missing, cannot be read, or are others than those something was sealed with."""


class NotOurs(Exception):
    """A token that none of these keys has signed for this purpose, or that has ended."""


class Key(Struct, frozen=True):
    """`secret` is 32 bytes: the seed of an Ed25519 key, or a key of AES-256 or HMAC."""

    id: str
    secret: Annotated[bytes, Meta(min_length=KEY_BYTES, max_length=KEY_BYTES)]

    @classmethod
    def new(cls) -> "Key":
        return cls(secrets.token_hex(4), secrets.token_bytes(KEY_BYTES))


class Ring(Struct, frozen=True, kw_only=True):
    """What the file holds, the newest first. `derivation` never changes: a webhook secret names no key."""

    signing: Annotated[tuple[Key, ...], Meta(min_length=1)]
    sealing: Annotated[tuple[Key, ...], Meta(min_length=1)]
    derivation: Key


class Keys:
    def __init__(self, ring: Ring) -> None:
        self._ring = ring
        self._signing = {key.id: Ed25519PrivateKey.from_private_bytes(key.secret) for key in ring.signing}
        self._public = {id_: key.public_key() for id_, key in self._signing.items()}
        self._sealing = {key.id: AESGCM(key.secret) for key in ring.sealing}

    def sign(self, claims: Mapping[str, Any], purpose: str, now: datetime, seconds: int) -> str:
        """A JSON Web Token (RFC 7519) that is good for `purpose`, its audience, and for so many seconds."""
        newest = self._ring.signing[0].id
        times = {"iat": int(now.timestamp()), "exp": int(now.timestamp()) + seconds}
        body = {**claims, **times, "iss": ISSUER, "aud": purpose}
        return jwt.encode(body, self._signing[newest], ALGORITHM, {"kid": newest})

    def verify(self, token: str, purpose: str, claims: Sequence[str] = ()) -> dict[str, Any]:
        """The claims of a token, those among them. Raises NotOurs."""
        try:
            key = self._public[jwt.get_unverified_header(token)["kid"]]
            required = ["exp", "iat", "iss", "aud", "sub", *claims]
            return jwt.decode(token, key, [ALGORITHM], {"require": required}, audience=purpose, issuer=ISSUER)
        except (jwt.InvalidTokenError, KeyError, TypeError, ValueError) as error:
            raise NotOurs(str(error)) from None

    def seal(self, text: str, about: str) -> str:
        """Unreadable without the keys (AES-256-GCM), and only as what it is about: it cannot be moved elsewhere."""
        newest, nonce = self._ring.sealing[0].id, os.urandom(NONCE_BYTES)
        sealed = nonce + self._sealing[newest].encrypt(nonce, text.encode(), about.encode())
        return f"{newest}.{base64.urlsafe_b64encode(sealed).decode()}"

    def unseal(self, sealed: str, about: str) -> str:
        """Raises NoKeys for what these keys have not sealed, or not about that."""
        id_, _, encoded = sealed.partition(".")
        try:
            found = base64.urlsafe_b64decode(encoded)
            return self._sealing[id_].decrypt(found[:NONCE_BYTES], found[NONCE_BYTES:], about.encode()).decode()
        except (KeyError, InvalidTag, ValueError) as error:
            raise NoKeys(f"sealed with key {id_[:16]}, which {FILE} does not hold") from error

    def seal_email(self, account: str, email: str) -> str:
        return self.seal(email, f"email of {account}")

    def seal_password_hash(self, account: str, hashed: str) -> str:
        return self.seal(hashed, f"password of {account}")

    def seal_callback_token(self, owner: str, token: str) -> str:
        return self.seal(token, f"callback of {owner}")

    def callback_token(self, owner: str, sealed: str) -> str:
        return self.unseal(sealed, f"callback of {owner}")

    def email(self, account: Account) -> str:
        return self.unseal(account.sealed_email, f"email of {account.name}")

    def password_hash(self, account: Account) -> str:
        return self.unseal(account.sealed_password_hash, f"password of {account.name}")

    def webhook_secret(self, account: str, generation: int) -> str:
        """As Standard Webhooks writes a secret. The same for ever for a generation, so that the log holds none."""
        message = f"webhook\n{account}\n{generation}".encode()
        derived = hmac.digest(self._ring.derivation.secret, message, hashlib.sha256)
        return f"whsec_{base64.b64encode(derived).decode()}"


def load(path: Path) -> Keys:
    """Raises NoKeys."""
    return Keys(_read(path))


def _read(path: Path) -> Ring:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Ring)
    except FileNotFoundError:
        raise NoKeys(f"{path} is missing") from None
    except (OSError, msgspec.DecodeError, ValueError) as error:
        raise NoKeys(f"{path} cannot be read: {error}") from error


def create(path: Path) -> Keys:
    """New keys, on disk before they are used. Raises FileExistsError."""
    ring = Ring(signing=(Key.new(),), sealing=(Key.new(),), derivation=Key.new())
    write_secret(path, msgspec.json.format(msgspec.json.encode(ring)), anew=True)
    return Keys(ring)


def rotate(path: Path) -> None:
    """From their next start on, processes sign and seal with new keys and still understand the old ones.

    Raises NoKeys.
    """
    ring = _read(path)
    newer = Ring(signing=(Key.new(), *ring.signing), sealing=(Key.new(), *ring.sealing), derivation=ring.derivation)
    write_secret(path, msgspec.json.format(msgspec.json.encode(newer)))


def write_secret(path: Path, content: bytes, anew: bool = False) -> None:
    """All of it or nothing, readable by its owner alone, and on the disk when this returns."""
    if anew and path.exists():
        raise FileExistsError(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    if anew:
        os.link(beside, path)  # unlike a rename, this fails if somebody was faster
        beside.unlink()
    else:
        beside.replace(path)
    directory = os.open(path.parent, os.O_RDONLY)
    os.fsync(directory)
    os.close(directory)
