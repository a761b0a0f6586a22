"""Where a page ends, as an opaque word that goes into an address. It fits the question it came from, and no other."""

import hashlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
import orjson
from msgspec import Meta

from contracts.events import Json
from contracts.problems import FieldError, Problem, invalid

_SEAL = 9
_OF_TYPE: Mapping[str, msgspec.json.Decoder[Any]] = {
    "int": msgspec.json.Decoder(Annotated[int, Meta(ge=0, le=2**31 - 1)]),
    "int8": msgspec.json.Decoder(Annotated[int, Meta(ge=0, le=2**63 - 1)]),
    "text": msgspec.json.Decoder(Annotated[str, Meta(max_length=100, pattern=r"\A[^\x00]*\Z")]),
    "timestamptz": msgspec.json.Decoder(Annotated[datetime, Meta(tz=True)]),
    "uuid": msgspec.json.Decoder(UUID),
}
"""Reads what a cursor holds where Postgres is to have such a type."""
_PARTS = msgspec.json.Decoder(list[msgspec.Raw])


def encoded(place: Sequence[Json], question: Json) -> str:
    """`place` is what the next page begins after; `question` is what must be asked again with the cursor."""
    return sealed(orjson.dumps(place), question)


def decoded(cursor: str, question: Json, types: Sequence[str]) -> list[Any]:
    """The place, of values of these Postgres types: the keys of `_OF_TYPE`.

    Raises the Problem `invalid-request` for what this API has not made, or not for this question.
    """
    try:
        parts = _PARTS.decode(opened(cursor, question))
        return [_OF_TYPE[type_].decode(part) for part, type_ in zip(parts, types, strict=True)]
    except ValueError:
        raise foreign() from None


def sealed(body: bytes, question: Json) -> str:
    """A word that goes into an address, and leads back to `body` where the same question is asked."""
    return urlsafe_b64encode(_seal(body, question) + body).decode().rstrip("=")


def opened(word: str, question: Json) -> bytes:
    """Raises ValueError for what `sealed` has not made of this question."""
    raw = urlsafe_b64decode(word + "=" * (-len(word) % 4))
    seal, body = raw[:_SEAL], raw[_SEAL:]
    if seal != _seal(body, question):
        raise ValueError("another seal")
    return body


def _seal(body: bytes, question: Json) -> bytes:
    """No secret, and none needed: whoever forges a place sees what they might have asked for, as long as it is one."""
    asked = orjson.dumps(question, option=orjson.OPT_SORT_KEYS)
    return hashlib.blake2b(body + asked, digest_size=_SEAL).digest()


def foreign() -> Problem:
    return invalid(FieldError(pointer="/query/cursor", detail="this is no cursor of this list with these filters"))
