"""What an algorithm is: made once from settings, then asked about one picture at a time, in a guarded child."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol, Self

from contracts import ids
from contracts.algorithms import Schema
from contracts.events import Json, Params
from services.analyzer.decoded import DecodedImage

Settings = Mapping[str, str]

NO_PARAMS: Schema = {"type": "object", "properties": {}, "additionalProperties": False}


@dataclass(frozen=True)
class Rendition:
    """A picture made of a picture: its encoded bytes, named among the renditions of the original `of` (SHA-256)."""

    of: str
    name: str
    width: int
    height: int
    media_type: str
    data: bytes

    @cached_property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()

    @property
    def key(self) -> str:
        return ids.rendition_key(self.of, self.sha256)

    def described(self) -> dict[str, Json]:
        """What a result says of it, in place of the bytes."""
        return {
            "name": self.name,
            "width": self.width,
            "height": self.height,
            "media_type": self.media_type,
            "size": len(self.data),
            "sha256": self.sha256,
            "key": self.key,
        }


@dataclass(frozen=True, slots=True)
class Finding:
    """What an algorithm found. Each of `renditions` is stored under its key before the result is told to anyone."""

    result: dict[str, Json]
    renditions: tuple[Rendition, ...] = ()


class Unable(Exception):
    """Raised by an algorithm that cannot do with this picture what the params ask. `type` is a problem type's slug."""

    def __init__(self, type: str, detail: str) -> None:
        super().__init__(detail)
        self.type = type
        self.detail = detail


class Algorithm(Protocol):
    """`version` rises whenever the same picture may give another result. Schemas are JSON Schema (2020-12).

    `analyze` is pure: the same bytes and params give the same result, on any machine. `params` fit the schema.
    Raising Unreadable says that the picture is at fault, Unable that the params are with this picture, anything else
    that the algorithm is.
    """

    @property
    def name(self) -> str: ...
    @property
    def version(self) -> int: ...
    @property
    def description(self) -> str: ...
    @property
    def params_schema(self) -> Schema: ...
    @property
    def result_schema(self) -> Schema: ...

    def analyze(self, image: DecodedImage, params: Params) -> Finding: ...


class NetworkAlgorithm(Protocol):
    """Like Algorithm, but it asks a service, in the analyzer itself and beside many others: it must never block.

    It is entered before the first picture and left after the last one. `analyze` is given the `small` rendition. It
    raises TryLater where the service may answer later, and like Algorithm where it never will.
    """

    @property
    def name(self) -> str: ...
    @property
    def version(self) -> int: ...
    @property
    def description(self) -> str: ...
    @property
    def params_schema(self) -> Schema: ...
    @property
    def result_schema(self) -> Schema: ...
    @property
    def made_of(self) -> Mapping[str, str]:
        """What decides its results besides its code, as the model that is asked: one version has one of them."""
        ...

    @property
    def seconds(self) -> float:
        """Where one of many waiting pictures has not ended after so long, something is wrong."""
        ...

    async def __aenter__(self) -> Self: ...
    async def __aexit__(self, *_: object) -> None: ...
    async def analyze(self, small: Rendition, params: Params) -> Finding: ...


class House:
    """The algorithms that come with Framelog: nothing to set, and the house's own params `{}` alone."""

    params_schema: Schema = NO_PARAMS

    def __init__(self, settings: Settings) -> None: ...


def params_schema(*required: str, **properties: Json) -> dict[str, Json]:
    """The JSON Schema of params: none but these, and those of `required` always."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
    }


def object_schema(**properties: Json) -> dict[str, Json]:
    """The JSON Schema of an object that has exactly these members."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def whole(params: Params, name: str) -> int | None:
    """An integer of the params, which JSON Schema lets be written 200.0 too; None where it is not given."""
    return int(params[name]) if name in params else None
