"""What passes between the analyzer and a decoder: one line of JSON each way, small results only, never a pixel."""

from dataclasses import dataclass, field

from contracts.analyses import Failure, Result
from contracts.images import Wanted

LONGEST_DETAIL = 500
READY = b"ready\n"
ALONE_ABOVE = 16_000_000  # pixels: of the larger pictures only one is decoded at a time, and none is made of a smaller


@dataclass(frozen=True, slots=True, kw_only=True)
class Caps:
    """The largest picture that is decoded; `animation_pixels` is frames times pixels of one frame."""

    bytes: int = 100 * 1024 * 1024
    pixels: int = 50_000_000
    frames: int = 1_000
    animation_pixels: int = 2_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """All that a decoder is told when it starts. `seconds` and `memory` (bytes) bound the work on one picture.

    Without a store, `s3` None, the bytes of each picture follow its job, and what is found is kept nowhere.
    `plugins` names the callable that makes the installed algorithms from `settings`, as `module:name`.
    """

    s3: str | None = None
    access_key: str = ""
    secret_key: str = ""
    bucket: str = ""
    region: str = ""
    group: str = ""
    caps: Caps = field(default_factory=Caps)
    seconds: float = 30.0
    memory: int = 1536 * 1024 * 1024
    plugins: str = "services.analyzer.plugins:installed"
    settings: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One picture and what is wanted of it. The bytes at `storage_key` must have this `sha256` and `size`.

    Without a store `size` bytes follow on the pipe.
    """

    sha256: str
    storage_key: str
    size: int
    wanted: tuple[Wanted, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A rendition on its way to who asked for it, where there is no store to keep it."""

    name: str
    width: int
    height: int
    media_type: str
    sha256: str
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The outcomes, or why the job must wait. A decoder that is `spent` had no memory left and must be replaced."""

    pictures: list[Picture] = field(default_factory=list)
    results: list[Result] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    later: str | None = None
    spent: bool = False


def failed(wanted: Wanted, type: str, detail: str) -> Failure:
    """`type` is the slug of a problem type; `detail` is made fit for an event."""
    plain = detail.replace("\0", "").encode(errors="replace").decode()
    return Failure(algorithm=wanted.algorithm, type=type, detail=plain[:LONGEST_DETAIL], params=wanted.params)
