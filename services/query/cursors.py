"""Where a page ends, as an opaque word that goes into an address. It fits the question it came from, and no other."""

import binascii
import hashlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence

import orjson

from contracts.events import Json
from contracts.problems import FieldError, Problem, invalid

_SEAL = 9


def encoded(place: Sequence[Json], question: Json) -> str:
    """`place` is what the next page begins after; `question` is what must be asked again with the cursor."""
    body = orjson.dumps(place)
    return urlsafe_b64encode(_seal(body, question) + body).decode().rstrip("=")


def decoded(cursor: str, question: Json) -> list[Json]:
    """The place. Raises the Problem `invalid-request` for what this API has not made, or not for this question."""
    try:
        raw = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
    except (binascii.Error, ValueError):
        raise _foreign() from None
    seal, body = raw[:_SEAL], raw[_SEAL:]
    if seal != _seal(body, question):
        raise _foreign()
    place: list[Json] = orjson.loads(body)
    return place


def _seal(body: bytes, question: Json) -> bytes:
    """No secret, and none needed: whoever forges a place sees what they might have asked for."""
    asked = orjson.dumps(question, option=orjson.OPT_SORT_KEYS)
    return hashlib.blake2b(body + asked, digest_size=_SEAL).digest()


def _foreign() -> Problem:
    return invalid(FieldError(pointer="/query/cursor", detail="this is no cursor of this list with these filters"))
