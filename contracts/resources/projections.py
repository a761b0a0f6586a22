"""How far read models are, as the API shows it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from contracts.events import Json
from contracts.resources.images import time


@dataclass(frozen=True, slots=True, kw_only=True)
class Stand:
    """Where the rows of a partition stand. `since` is when the first record was appended that they lack, if any."""

    topic: str
    partition: int
    epoch: int
    next_offset: int
    end_offset: int
    since: datetime | None

    def lag(self, now: datetime) -> Mapping[str, Json]:
        seconds = (now - self.since).total_seconds() if self.since else 0.0
        return {"records": max(0, self.end_offset - self.next_offset), "seconds": round(max(0.0, seconds), 3)}


def projection_json(schema: str, state: str, stands: Sequence[Stand], now: datetime) -> dict[str, Json]:
    """A read model, by the partitions it is folded from."""
    lags = [one.lag(now) for one in stands]
    return {
        "schema": schema,
        "state": state,
        "epoch": max((one.epoch for one in stands), default=0),
        "lag": {
            "records": sum(one["records"] for one in lags),
            "seconds": max((one["seconds"] for one in lags), default=0.0),
        },
        "partitions": [
            {
                "topic": one.topic,
                "partition": one.partition,
                "epoch": one.epoch,
                "next_offset": one.next_offset,
                "end_offset": one.end_offset,
                "lag": lag,
            }
            for one, lag in zip(stands, lags, strict=True)
        ],
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """A read model in the making; `done` and `total` are events of its phase."""

    schema: str
    purpose: str
    phase: str
    done: int
    total: int
    started_at: datetime
    updated_at: datetime


def build_json(build: Build) -> dict[str, Json]:
    seconds = (build.updated_at - build.started_at).total_seconds()
    rate = build.done / seconds if seconds > 0 else 0.0
    return {
        "schema": build.schema,
        "purpose": build.purpose,
        "phase": build.phase,
        "done": build.done,
        "total": build.total,
        "rate": round(rate, 1),
        "eta_seconds": round((build.total - build.done) / rate, 1) if rate else None,
        "started_at": time(build.started_at),
        "updated_at": time(build.updated_at),
    }
