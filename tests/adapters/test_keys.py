"""The house's keys: what they sign, seal and derive, before and after a rotation."""

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives import serialization

from adapters import keys
from adapters.keys import Keys, NoKeys, NotOurs

HERE = "framelog:test"
CLAIMS = {"sub": "alice"}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "deep" / keys.FILE


def now() -> datetime:
    return datetime.now(UTC)


def rotated(path: Path) -> Keys:
    keys.rotate(path)
    return keys.load(path)


def test_the_file_is_its_owners_alone_and_never_overwritten(path: Path) -> None:
    keys.create(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    before = path.read_bytes()
    with pytest.raises(FileExistsError):
        keys.create(path)
    assert path.read_bytes() == before
    assert [one.name for one in path.parent.iterdir()] == [keys.FILE]


@pytest.mark.parametrize("content", [b"", b"{}", b'{"signing":[]}', b"[1]", b'{"signing": 3'])
def test_a_file_that_holds_no_keys_says_so(path: Path, content: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(NoKeys, match=r"keys\.json"):
        keys.load(path)


def test_a_missing_file_says_so(path: Path) -> None:
    with pytest.raises(NoKeys, match="is missing"):
        keys.load(path)


def test_what_was_signed_and_sealed_before_a_rotation_is_still_good(path: Path) -> None:
    old = keys.create(path)
    token, sealed, secret = old.sign(CLAIMS, HERE, now(), 60), old.seal("a", "b"), old.webhook_secret("alice", 1)
    new = rotated(path)
    assert new.verify(token, HERE)["sub"] == "alice"
    assert new.unseal(sealed, "b") == "a"
    assert new.webhook_secret("alice", 1) == secret
    with pytest.raises(NotOurs):
        old.verify(new.sign(CLAIMS, HERE, now(), 60), HERE)
    with pytest.raises(NoKeys):
        old.unseal(new.seal("a", "b"), "b")


def test_what_is_sealed_is_about_one_thing(path: Path) -> None:
    made = keys.create(path)
    sealed = made.seal("secret", "password of alice")
    assert "secret" not in sealed
    assert sealed != made.seal("secret", "password of alice")
    for broken in (sealed[:-4], sealed[:-1], "x" + sealed, sealed.partition(".")[2], "", "."):
        with pytest.raises(NoKeys):
            made.unseal(broken, "password of alice")
    with pytest.raises(NoKeys):
        made.unseal(sealed, "password of bob")


def test_a_webhook_secret_is_of_one_account_and_one_generation(path: Path) -> None:
    made = keys.create(path)
    secrets = {made.webhook_secret(account, generation) for account in ("alice", "bob") for generation in (1, 2)}
    assert len(secrets) == 4
    assert all(secret.startswith("whsec_") for secret in secrets)


def forged(made: Keys) -> dict[str, str]:
    """Tokens that must not pass, by what is wrong with them."""
    private = next(iter(made._signing.values()))
    kid = next(iter(made._signing))
    public = private.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    good = {"sub": "alice", "iss": keys.ISSUER, "aud": HERE, "iat": now(), "exp": now() + timedelta(hours=1)}
    signed = made.sign(CLAIMS, HERE, now(), 60)
    head, body, signature = signed.split(".")
    return {
        "alg none": jwt.encode(good, None, "none", {"kid": kid}),
        "the public key as a shared secret": jwt.encode(good, public + b"padding", "HS256", {"kid": kid}),
        "unknown key id": jwt.encode(good, private, "EdDSA", {"kid": "00000000"}),
        "no key id": jwt.encode(good, private, "EdDSA"),
        "wrong audience": made.sign(CLAIMS, "framelog:other", now(), 60),
        "wrong issuer": jwt.encode(good | {"iss": "else"}, private, "EdDSA", {"kid": kid}),
        "no subject": jwt.encode({k: v for k, v in good.items() if k != "sub"}, private, "EdDSA", {"kid": kid}),
        "expired": made.sign(CLAIMS, HERE, now() - timedelta(hours=2), 60),
        "another's signature": f"{head}.{body}.{signature[:-6]}AAAAAA",
        "another's body": f"{head}.{made.sign({'sub': 'bob'}, HERE, now(), 60).split('.')[1]}.{signature}",
        "no token": "nonsense",
        "nothing": "",
    }


def test_a_forged_token_does_not_pass(path: Path) -> None:
    made = keys.create(path)
    assert made.verify(made.sign(CLAIMS, HERE, now(), 60), HERE)["sub"] == "alice"
    for wrong, token in forged(made).items():
        with pytest.raises(NotOurs):
            pytest.fail(f"{wrong} passed: {made.verify(token, HERE)}")
