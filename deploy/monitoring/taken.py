"""What a stack of one machine has taken so far: time of each process, memory, and bytes in the three servers."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import psutil
from psycopg import connect

from deploy.local.home import Home
from deploy.local.leftovers import alive, recorded

MB = 1_000_000
SIZE = "SELECT pg_database_size(current_database())"


class Taken(NamedTuple):
    """`cpu` is seconds by process, its children's in them; `memory` is bytes, shared pages divided among the sharers.
    `log`, `rows` and `objects` are bytes in Kafka, Postgres and object storage."""

    cpu: Mapping[str, float]
    memory: Mapping[str, int]
    log: int
    rows: int
    objects: int


def taken(stack: Home) -> Taken:
    families = {one.name: _family(process) for one in recorded(stack) if (process := alive(one))}
    return Taken(
        cpu={name: sum(map(_cpu, family)) for name, family in families.items()},
        memory={name: sum(map(_memory, family)) for name, family in families.items()},
        log=sum(_sizes(stack.path / "kafka" / "data", "framelog.*/*.log")),
        rows=_rows(stack),
        objects=sum(_sizes(stack.path / "minio" / "framelog", "**/*")),
    )


def costs(before: Taken, after: Taken, uploads: int, events: float) -> Iterator[str]:
    """Lines of a table: what each of so many uploads, of so many events in all, has taken."""
    yield f"each of {uploads:,} uploads, of {events / uploads:.2f} events, has taken"
    yield f"{'process':<12}  {'ms of CPU':>10}  {'MB now':>7}"
    for name, seconds in sorted(after.cpu.items()):
        spent = (seconds - before.cpu.get(name, 0.0)) / uploads * 1000
        yield f"{name:<12}  {spent:>10.1f}  {after.memory[name] / MB:>7.0f}"
    for what in ("log", "rows", "objects"):
        grown = (getattr(after, what) - getattr(before, what)) / uploads
        yield f"bytes, {what:<8} {grown:>10,.0f}"


def _family(process: psutil.Process) -> list[psutil.Process]:
    return [process, *process.children(recursive=True)]


def _cpu(process: psutil.Process) -> float:
    """Of those of its children that have ended too."""
    with suppress(psutil.NoSuchProcess):
        times = process.cpu_times()
        return float(times.user + times.system + times.children_user + times.children_system)
    return 0.0


def _memory(process: psutil.Process) -> int:
    with suppress(psutil.Error):
        return int(process.memory_full_info().pss)
    return 0


def _sizes(folder: Path, pattern: str) -> Iterator[int]:
    for file in folder.glob(pattern):
        with suppress(OSError):  # gone meanwhile
            yield file.stat().st_size if file.is_file() else 0


def _rows(stack: Home) -> int:
    addresses = stack.addresses()
    assert addresses is not None
    with connect(addresses.postgres) as connection:
        row = connection.execute(SIZE).fetchone()
    assert row is not None
    return int(row[0])
