"""What `framelog doctor` finds out, from the machine's tools to the lag of each consumer."""

import asyncio
import shutil
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from deploy.local import groups, lag, tools
from deploy.local.artifacts import KAFKA, MINIO
from deploy.local.cache import cache
from deploy.local.home import Home
from deploy.local.kafka import has_metadata
from deploy.local.leftovers import alive, recorded
from deploy.local.minio import is_live
from deploy.local.packages import how_to_install
from deploy.local.postgres import answers as logs_in
from deploy.local.services import address
from deploy.local.services import answers as is_ready
from deploy.local.tools import Absent, Tool, Unfit
from deploy.local.whereabouts import home, located
from services.settings import Api

LITTLE_SPACE = 2_000_000_000  # bytes: Kafka stops for good when its disk is full
TOOLS = {"java": tools.java, "mvn": tools.maven, "go": tools.go, "postgres": tools.postgres}
ONCE = {"mvn": KAFKA, "go": MINIO}  # needed only to fill this entry of the cache


@dataclass(frozen=True, slots=True)
class Finding:
    """`well` is None where there is nothing to judge."""

    what: str
    well: bool | None
    how: str


async def examine(settings: Api) -> list[Finding]:
    settings = located(settings)
    where = home(settings)
    installed = [Finding("python", True, sys.version.split()[0]), *(_tool(name) for name in TOOLS)]
    answering = await asyncio.gather(
        _answering("Kafka", settings.kafka, has_metadata),
        _answering("S3", settings.s3, is_live),
        _answering("Postgres", settings.postgres, logs_in),
        _answering("API", f"{address(settings)}/readyz", is_ready),
    )
    lagging = await _lagging(settings) if answering[0].well else []
    return [*installed, _disk(where), *_running(where), *answering, *lagging]


def _tool(name: str) -> Finding:
    try:
        tool: Tool = TOOLS[name]()
        return Finding(name, True, f"{tool.version} ({tool.path})")
    except Unfit as unfit:
        return Finding(name, False, str(unfit))
    except Absent:
        if name in ONCE and (cache() / ONCE[name]).exists():
            return Finding(name, None, f"missing, and not needed: {cache() / ONCE[name]} stands")
        return Finding(name, None, f"missing: {how_to_install(name)}")


def _disk(where: Home) -> Finding:
    standing = next(path for path in (where.path, *where.path.parents) if path.exists())
    free = shutil.disk_usage(standing).free
    return Finding("disk", free > LITTLE_SPACE, f"{free / 1e9:.1f} GB free for {where.path}")


def _running(where: Home) -> list[Finding]:
    pid = where.holder()
    keeping = Finding("framelog up", None, f"pid {pid}, home {where.path}" if pid else f"not running in {where.path}")
    return [keeping, *(_child(where, record.name) for record in recorded(where))]


def _child(where: Home, name: str) -> Finding:
    record = next(one for one in recorded(where) if one.name == name)
    process = alive(record)
    if process is None:
        return Finding(name, False, f"pid {record.pid} is gone; its log: {where.log(name)}")
    with process.oneshot():
        lived, memory = time.time() - process.create_time(), process.memory_info().rss
    return Finding(name, True, f"pid {record.pid}, up {lived:.0f} s, {memory / 1e6:.0f} MB")


async def _answering(what: str, address: str, asked: Callable[[str], Awaitable[bool]]) -> Finding:
    shown = address.rpartition("@")[2]  # without a password
    began = time.monotonic()
    if await asked(address):
        return Finding(what, True, f"{shown} answers in {(time.monotonic() - began) * 1000:.0f} ms")
    return Finding(what, False, f"{shown} does not answer; `framelog up` starts it")


async def _lagging(settings: Api) -> list[Finding]:
    log = await lag.ends_of_topics(settings)
    records = [
        Finding(
            f"topic {topic}", ends is not None, f"{len(ends)} partitions, {sum(ends)} records" if ends else "missing"
        )
        for topic, ends in log.items()
    ]
    behind = {groups.analyzer(group): await lag.analyzer(settings, group) for group in groups.running(settings)}
    behind["projector"] = await lag.projector(settings)
    return [
        *records,
        *(
            Finding(f"{who} lag", None, "unknown" if count is None else f"{count} records behind")
            for who, count in behind.items()
        ),
    ]
