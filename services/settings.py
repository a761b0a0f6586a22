"""The one table of settings: `FRAMELOG_*` in the environment or in `.env`, a frozen section per process.

Every process knows the whole table, so that a misspelt variable stops any start instead of being ignored.
"""

import os
import re
import sys
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Annotated, Self

from dotenv import dotenv_values
from pydantic import Field, IPvAnyNetwork, SecretStr, ValidationError, field_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from adapters.kafka import parsed

PREFIX = "FRAMELOG_"
MIB = 1024 * 1024
HOST_PORT = r"^(\[[0-9A-Fa-f:.]+\]|[^\[\]:/@\s]+):[0-9]{1,5}$"
MODELLED = frozenset({"classification"})
"""The algorithms that run a model."""
NETWORKED = frozenset({"caption"})
"""The algorithms that ask a service."""


class WrongSettings(Exception):
    """One line per wrong or unknown setting, each with its name."""


class Section(BaseSettings):
    """A process's settings. `read()` is called by `__main__` modules alone."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_file=".env", extra="ignore", frozen=True)

    @classmethod
    def read(cls) -> Self:
        """The section as the environment has it. Raises WrongSettings, naming each variable at fault."""
        unknown = sorted(_given() - set(table()))
        if unknown:
            raise WrongSettings("\n".join(f"{name}: no such setting; see .env.example" for name in unknown))
        try:
            return cls()
        except ValidationError as error:
            raise WrongSettings("\n".join(_explained(one) for one in error.errors())) from None

    @classmethod
    def read_or_exit(cls) -> Self:
        """The same for a process of its own: what is wrong is told on stderr, and ends it with code 2."""
        try:
            return cls.read()
        except WrongSettings as wrong:
            print(wrong, file=sys.stderr)
            raise SystemExit(2) from None


class Endpoints(Section):
    """Where the outside systems are; every process needs some of them."""

    kafka: str = Field("127.0.0.1:9092", description="Kafka: host:port, comma separated, or as in docs/kafka.md")
    s3: str = Field("http://127.0.0.1:9000", description="S3 endpoint: MinIO or another store")
    s3_public: str = Field("", description="where clients reach S3, for direct uploads; FRAMELOG_S3 unless told")
    s3_access_key: str = Field("framelog", description="S3 access key")
    s3_secret_key: str = Field("framelog-secret", description="S3 secret key")
    s3_bucket: str = Field("framelog", description="bucket that holds originals and derived objects")
    s3_region: str = Field("us-east-1", description="S3 region that requests are signed for")
    postgres: str = Field("postgresql://framelog@127.0.0.1:5432/framelog", description="Postgres connection URL")
    topic_prefix: str = Field("", description="put before every topic and consumer group, to share one Kafka")
    home: Path = Field(Path(".framelog"), description="data, logs and generated secrets of the one-machine stack")
    keys: Path | None = Field(None, description="the house's secret keys; keys.json in FRAMELOG_HOME unless told")
    metrics: str = Field(
        "",
        pattern=r"^$|^.+:\d+$",
        description="where a process without its own HTTP answers /metrics, /livez and /readyz: host:port, or nothing",
    )
    traces: str = Field(
        "",
        pattern=r"^$|^https?://.+$",
        description="collector that spans are sent to by OTLP over HTTP, as http://127.0.0.1:4318, or nothing",
    )
    log_level: str = Field("INFO", description="DEBUG, INFO, WARNING or ERROR")

    @field_validator("kafka")
    @classmethod
    def _spoken_to(cls, value: str) -> str:
        parsed(value)
        return value


class Caps(Endpoints):
    """What is refused when it is uploaded, and not decoded where it got in all the same."""

    max_upload_bytes: int = Field(100 * MIB, ge=1, description="largest image accepted, in bytes")
    max_pixels: int = Field(50_000_000, ge=1, description="largest image accepted, in pixels of one frame")
    max_frames: int = Field(1_000, ge=1, description="most frames of an animation accepted")
    max_animation_pixels: int = Field(
        2_000_000_000, ge=1, description="largest animation accepted, in frames times pixels of one frame"
    )


class Groups(Section):
    """Which algorithms run together in one analyzer: one setting for the whole house."""

    algorithm_groups: Annotated[Mapping[str, tuple[str, ...]], NoDecode] = Field(
        {
            "core": ("metadata", "exif", "thumbnail", "colors", "hash", "quality", "compress", "poi_detection"),
            "models": ("classification",),
            "network": ("caption",),
        },
        description="algorithms of each group, as group=name+name, comma separated",
    )

    @field_validator("algorithm_groups", mode="before")
    @classmethod
    def _grouped(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        pairs = [part.strip().partition("=") for part in value.split(",") if part.strip()]
        return {group: tuple(names.split("+")) for group, _, names in pairs}


class Outside(Section):
    """What may be called of the addresses that users name."""

    allow_private_urls: Annotated[tuple[Annotated[str, Field(pattern=HOST_PORT)], ...], NoDecode] = Field(
        (),
        description="hosts users may name that are not public, host:port, comma separated; see docs/outbound.md",
    )

    @field_validator("allow_private_urls", mode="before")
    @classmethod
    def _permitted(cls, value: object) -> object:
        return _list(value)


class Reading(Section):
    """How much a consumer of the log takes for unreadable before it stops: a wrong version would bury everything."""

    undecodable_run: int = Field(
        100, ge=1, description="so many unreadable records one after another in a partition stop their consumer"
    )
    undecodable_ratio: float = Field(
        0.5, gt=0, le=1, description="so does more than this part of the last 1,000 records of a partition"
    )


class Captions(Section):
    """Whom `caption` asks. The address is the operator's own: what guards addresses that users name is not for it."""

    caption_url: str = Field(
        "",
        pattern=r"^$|^https?://[^\s/]+\S*$",
        description="base URL of an OpenAI-compatible API that captions pictures, as http://127.0.0.1:8080/v1",
    )
    caption_model: str = Field(
        "", max_length=200, description="the model that is asked for captions, by its name there"
    )
    caption_version: int = Field(
        1, ge=1, le=20_000_000, description="raise it with every other model or prompt; facts name their model by it"
    )
    caption_api_key: SecretStr = Field(SecretStr(""), description="sent as bearer token; empty: none is")
    caption_prompt: str = Field(
        "Describe this picture in one or two plain sentences, for somebody who cannot see it.",
        min_length=1,
        description="what is asked about each picture",
    )
    caption_seconds: float = Field(60.0, gt=0, description="longest that one answer may take, in seconds")
    caption_at_once: int = Field(8, ge=1, description="pictures asked about at the same time, by one analyzer")
    caption_per_minute: int = Field(60, ge=1, description="most pictures asked about in any minute, by one analyzer")

    @property
    def captions(self) -> bool:
        """Somebody is named who captions pictures."""
        return bool(self.caption_url and self.caption_model)

    def for_captions(self) -> dict[str, str]:
        """What `caption` is made from, but for the key."""
        names = ("url", "model", "version", "prompt", "seconds", "at_once", "per_minute")
        given = {f"caption_{name}": str(getattr(self, f"caption_{name}")) for name in names}
        return {name: value for name, value in given.items() if value}


class Models(Endpoints, Captions):
    """What the algorithms are made from."""

    models: Path | None = Field(None, description="folder of the installed models; models in FRAMELOG_HOME unless told")
    onnx_providers: Annotated[tuple[str, ...], NoDecode] = Field(
        ("CPUExecutionProvider",), description="onnxruntime's execution providers, the first that fits is used"
    )

    @field_validator("onnx_providers", mode="before")
    @classmethod
    def _named(cls, value: object) -> object:
        return _list(value)

    @property
    def shelf(self) -> Path:
        return self.models or self.home / "models"

    def for_algorithms(self) -> dict[str, str]:
        """What every algorithm is given when it is made: nothing secret."""
        return {"models": str(self.shelf), "onnx_providers": ",".join(self.onnx_providers)} | self.for_captions()

    def for_network_algorithms(self) -> dict[str, str]:
        """What those that ask services are given, in the analyzer itself."""
        return self.for_algorithms() | {"caption_api_key": self.caption_api_key.get_secret_value()}


class Decoding(Caps, Models):
    """What holds one decoder process."""

    analyzer_children: int = Field(0, ge=0, description="decoder processes; 0 for as many as there are cores")
    decode_seconds: float = Field(30.0, gt=0, description="wall-clock limit of one decode, in seconds")
    decode_memory_bytes: int = Field(1536 * MIB, ge=256 * MIB, description="address space of one decoder process")
    model_memory_bytes: int = Field(
        1024 * MIB, ge=0, description="address space it has beyond that where it runs a model"
    )

    def memory(self, algorithms: Collection[str]) -> int:
        """Bytes of address space of a decoder that runs these."""
        return self.decode_memory_bytes + (0 if MODELLED.isdisjoint(algorithms) else self.model_memory_bytes)


class Api(Caps, Groups, Models, Outside):
    host: str = Field("127.0.0.1", description="address the API listens on")
    port: int = Field(8000, ge=1, le=65535, description="port the API listens on")
    upload_budget_bytes: int = Field(96 * MIB, ge=8 * MIB, description="bytes of uploads held in memory at once")
    event_streams: int = Field(500, ge=0, description="streams of events open at once in one process")
    algorithms: Annotated[tuple[str, ...], NoDecode] = Field(
        ("metadata", "exif", "thumbnail", "colors", "hash", "quality"),
        description="algorithms run on every image, comma separated",
    )
    trusted_proxies: Annotated[tuple[IPvAnyNetwork, ...], NoDecode] = Field(
        (),
        description="proxies that are believed whom they forward: addresses or networks, comma separated",
    )

    @field_validator("algorithms", "trusted_proxies", mode="before")
    @classmethod
    def _listed(cls, value: object) -> object:
        return _list(value)


class Analyzer(Decoding, Groups, Reading):
    group: str = Field("core", description="algorithm group this analyzer runs, one of FRAMELOG_ALGORITHM_GROUPS")
    analyzer_window: int = Field(16, ge=1, description="images in flight in one analyzer")
    analyzer_low_window: int = Field(
        0, ge=0, description="images of campaigns in flight in one analyzer; 0 for no more than it has room for"
    )
    network_window: int = Field(1_000, ge=1, description="the same, where its group asks services")


class Infer(Decoding):
    infer_host: str = Field("127.0.0.1", description="address that inference over HTTP listens on")
    infer_port: int = Field(8010, ge=1, le=65535, description="port that inference over HTTP listens on")


class Fetcher(Caps, Outside, Reading):
    fetch_seconds: float = Field(60.0, gt=0, description="longest that one download may take, in seconds")
    fetcher_window: int = Field(16, ge=1, description="downloads in flight in one fetcher")
    fetch_budget_bytes: int = Field(96 * MIB, ge=8 * MIB, description="bytes of downloads held in memory at once")


class Notifier(Endpoints, Groups, Outside):
    callback_seconds: float = Field(15.0, gt=0, description="longest that a receiver of callbacks may take, in seconds")
    callback_window: int = Field(64, ge=1, description="callbacks under way at once in one notifier")
    callback_retries: Annotated[tuple[Annotated[float, Field(ge=0)], ...], NoDecode] = Field(
        (0, 5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400),
        min_length=1,
        description="seconds before each try of a callback, comma separated",
    )

    @field_validator("callback_retries", mode="before")
    @classmethod
    def _spaced(cls, value: object) -> object:
        return _list(value)


class Projector(Endpoints, Reading):
    projector_batch: int = Field(2_000, ge=1, description="most records folded in one transaction")
    rebuild_memory_bytes: int = Field(
        512 * MIB, ge=64 * MIB, description="memory that building a read model may take; what does not fit goes to disk"
    )
    rebuild_processes: int = Field(0, ge=0, le=64, description="how many build a read model; 0: as many as cores")


class Client(Api):
    """The command line, which finds the API of its own machine where the API itself was told to listen."""

    url: str = Field("", description="where the command line finds the API; empty: credentials.json's, else the port")
    api_key: str = Field("", description="API key the command line uses; empty: it signs in")


SECTIONS: tuple[type[Section], ...] = (Endpoints, Api, Outside, Analyzer, Fetcher, Notifier, Infer, Projector, Client)


def table() -> dict[str, tuple[str, str]]:
    """Every variable: its default as text, and what it means. The source of `.env.example`."""
    return {
        PREFIX + name.upper(): (as_text(field.default), field.description or "")
        for section in SECTIONS
        for name, field in section.model_fields.items()
    }


def _given() -> set[str]:
    names = [*os.environ, *dotenv_values(".env")]
    return {name for name in names if name.startswith(PREFIX) and not name.startswith(PREFIX + "TEST_")}


def _list(value: object) -> object:
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


def as_text(value: object) -> str:
    """A setting's value as its variable has it."""
    if isinstance(value, Mapping):
        return ",".join(f"{name}={'+'.join(members)}" for name, members in value.items())
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _explained(error: ErrorDetails) -> str:
    got = re.sub("//[^/]*@", "//…@", repr(error["input"]))  # no password is told to whoever reads a log
    return f"{PREFIX}{str(error['loc'][0]).upper()}: {error['msg']} (got {got}); see .env.example"
