"""What a picture's bytes say, found once: read again where it was found before, else worked out in a guarded child."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Self

from contracts.analyses import Failure, Result
from contracts.images import Wanted


@dataclass(frozen=True, slots=True, kw_only=True)
class Caps:
    """The largest picture that is decoded; `animation_pixels` is frames times pixels of one frame."""

    bytes: int = 100 * 1024 * 1024
    pixels: int = 50_000_000
    frames: int = 1_000
    animation_pixels: int = 2_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """All that a decoder is told when it starts. `seconds` and `memory` (bytes) bound the work on one picture."""

    s3: str
    access_key: str
    secret_key: str
    bucket: str
    region: str
    group: str
    caps: Caps = Caps()
    seconds: float = 30.0
    memory: int = 1024 * 1024 * 1024
    plugins: str = "services.analyzer.plugins:installed"
    settings: dict[str, str] = field(default_factory=dict)


class Found(NamedTuple):
    """Every algorithm wanted is in exactly one of the two, in the order it was wanted."""

    results: list[Result]
    failures: list[Failure]


class Analysis:
    """The decoders of one analyzer, `children` of them (0: as many as cores). Enter it before `find`."""

    def __init__(self, setup: Setup, children: int = 0) -> None:
        self._setup = setup
        self._children = children

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None: ...

    async def find(self, *, sha256: str, storage_key: str, size: int, wanted: Sequence[Wanted]) -> Found:
        """What is known of the bytes at `storage_key`; computes, and stores before it returns, only what is missing.

        Safe to call concurrently and to cancel. Raises TryLater while object storage is down.
        """
        raise NotImplementedError
