"""Tokens that somebody made up, stole or kept too long: each is refused everywhere, and none is a mistake of ours."""

import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import jwt
import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from adapters import keys
from tests.described import GHOST
from tests.e2e.crowd import People, people
from tests.e2e.test_error_shape import is_problem
from tests.pictures import photograph
from tests.query.world import World, world
from tests.running import Stack

ACCESS, REFRESH = "framelog:access", "framelog:refresh"
CLAIMS = {"sub": "admin", "epoch": 1, "role": "admin"}
NOW = datetime.now(UTC)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(stack: Stack) -> AsyncIterator[World]:
    async with world(stack) as one:
        yield one


@pytest.fixture(scope="module")
def everyone(served: World) -> Iterator[People]:
    with people(served) as one:
        yield one


@pytest.fixture(scope="module")
def nobody(everyone: People) -> httpx.Client:
    return everyone.nobody()


@pytest.fixture(scope="module")
def own(served: World) -> keys.Keys:
    return keys.load(served.house.home / keys.FILE)


def body(**changes: Any) -> dict[str, Any]:
    """The claims of a good access token of the admin. None takes one away."""
    times = {"iat": int(NOW.timestamp()), "exp": int(NOW.timestamp()) + 3600}
    found = {**CLAIMS, **times, "iss": keys.ISSUER, "aud": ACCESS, **changes}
    return {name: value for name, value in found.items() if value is not None}


def by_hand(header: dict[str, Any], claims: Any, secret: bytes | None = None) -> str:
    """What no library would sign: any header, and HMAC with any secret, or no signature at all."""
    signed = f"{_segment(header)}.{_segment(claims)}"
    digest = hmac.digest(secret, signed.encode(), hashlib.sha256) if secret is not None else b""
    return f"{signed}.{_base64(digest)}"


def _segment(value: Any) -> str:
    return _base64(json.dumps(value).encode())


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def forged(own: keys.Keys, foreign: keys.Keys) -> dict[str, str]:
    good = own.sign(CLAIMS, ACCESS, NOW, 3600)
    head, payload, signature = good.split(".")
    kid = jwt.get_unverified_header(good)["kid"]
    public = own._public[kid]
    ours = {"alg": "EdDSA", "typ": "JWT", "kid": kid}
    theirs = Ed25519PrivateKey.generate()
    return {
        "expired": own.sign(CLAIMS, ACCESS, NOW - timedelta(hours=2), 3600),
        "of the future": own.sign({**CLAIMS, "nbf": int(NOW.timestamp()) + 3600}, ACCESS, NOW, 7200),
        "foreign": foreign.sign(CLAIMS, ACCESS, NOW, 3600),
        "foreign under our key's id": jwt.encode(body(), theirs, "EdDSA", {"kid": kid}),
        "with a key of its own": jwt.encode(body(), theirs, "EdDSA", {"kid": kid, "jwk": {"kty": "OKP", "x": "AA"}}),
        **{f"alg {alg}": by_hand({"alg": alg, "kid": kid}, body()) for alg in ("none", "None", "NONE", "", None)},
        "alg none with a signature": by_hand({"alg": "none", "kid": kid}, body(), b"x"),
        **{
            f"HS256 with the public key as {name}": by_hand({"alg": "HS256", "kid": kid}, body(), secret)
            for name, secret in published(public).items()
        },
        "HS256 with nothing": by_hand({"alg": "HS256", "kid": kid}, body(), b""),
        "HS256 with the key's id": by_hand({"alg": "HS256", "kid": kid}, body(), kid.encode()),
        **{
            f"key id {other!r}": by_hand({**ours, "kid": other}, body(), b"x")
            for other in ("unknown", "", "../keys.json", 5, None, [kid], {"a": 1}, kid.upper() + "0")
        },
        "no key id": by_hand({"alg": "EdDSA"}, body(), b"x"),
        "for refreshing": own.sign({**CLAIMS, "session": GHOST, "generation": 1}, REFRESH, NOW, 3600),
        "for somebody else": own.sign(CLAIMS, "another:service", NOW, 3600),
        "for many": signed(own, body(aud=["a", "b"])),
        "of another house": signed(own, body(iss="elsewhere")),
        **{
            f"without {name}": signed(own, body(**{name: None}))
            for name in ("sub", "epoch", "role", "exp", "iat", "iss", "aud")
        },
        "for no string": signed(own, body(sub=5)),
        "that ends never": signed(own, body(exp="never")),
        "of nobody": signed(own, body(sub="nobody-at-all")),
        "of a name that is none": signed(own, body(sub="a\0b")),
        "of an older password": signed(own, body(epoch=0)),
        "of a newer password": signed(own, body(epoch=2)),
        "with its signature cut off": f"{head}.{payload}.",
        "with its signature changed": f"{head}.{payload}.{signature[::-1]}",
        "with other claims": f"{head}.{_segment(body(sub='somebody'))}.{signature}",
        "with claims that are a list": by_hand(ours, [], b"x"),
        "cut short": good[:-20],
        "in four parts": good + ".x",
        "of nothing": "..",
        "very long": good + "A" * 20_000,
    }


def published(key: Ed25519PublicKey) -> dict[str, bytes]:
    """The public key in each of the forms somebody might have it in."""
    der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    pem = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return {"bytes": key.public_bytes(Encoding.Raw, PublicFormat.Raw), "DER": der, "PEM": pem, "a line": pem.strip()}


def signed(own: keys.Keys, claims: dict[str, Any]) -> str:
    """With our own key, as only a mistake of ours could."""
    newest = own._ring.signing[0].id
    payload = json.dumps(claims).encode()
    return jwt.api_jws.encode(payload, own._signing[newest], "EdDSA", {"kid": newest})


def test_a_token_as_these_are_made_is_good(own: keys.Keys, nobody: httpx.Client) -> None:
    for token in (own.sign(CLAIMS, ACCESS, NOW, 3600), signed(own, body())):
        assert nobody.get("/v1/me", headers={"Authorization": f"Bearer {token}"}).status_code == 200


def test_a_token_that_is_not_good_is_refused_wherever_it_is_sent(
    own: keys.Keys, nobody: httpx.Client, tmp_path: Any, subtests: pytest.Subtests
) -> None:
    for what, token in forged(own, keys.create(tmp_path / keys.FILE)).items():
        with subtests.test(what):
            signed_in = {"Authorization": f"Bearer {token}"}
            for answer in (
                nobody.get("/v1/me", headers=signed_in),
                nobody.post("/v1/images", headers=signed_in, files={"file": photograph(20, 20)}),
                nobody.get("/v1/posts", headers=signed_in),
                nobody.get(f"/v1/images/{GHOST}/renditions/small", headers=signed_in),
            ):
                is_problem(answer, 401, "unauthenticated")
                assert answer.headers["www-authenticate"] == "Bearer"
                assert token not in answer.text
            is_problem(nobody.post("/v1/auth/refresh", json={"refresh_token": token[:4096]}), 401, "unauthenticated")


def test_no_token_is_told_as_much(nobody: httpx.Client) -> None:
    for header in (None, "", "Bearer", "Basic YTpi", "Token x", "Bearer\tx", "Bearer flk_", "Bearer flk__"):
        answer = nobody.get("/v1/me", headers={"Authorization": header} if header is not None else {})
        is_problem(answer, 401, "unauthenticated")
        assert answer.headers["www-authenticate"] == "Bearer"
