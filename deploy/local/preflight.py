"""What would stop a start, looked for before anything is started. All of it is said at once."""

from collections.abc import Callable, Iterator

from deploy.local import tools
from deploy.local.artifacts import KAFKA, MINIO
from deploy.local.cache import cache
from deploy.local.home import Home
from deploy.local.postgres import refuse_unreachable
from deploy.local.refusal import CannotStart
from deploy.local.tools import found


def refuse_lacking(home: Home, *, kafka: bool, s3: bool, postgres: bool) -> None:
    """Each says whether that server is to run here. Raises CannotStart with a line for each thing that is missing."""
    lines = [
        line
        for wanted, checks in (
            (kafka, (lambda: _refuse_uncached(KAFKA), lambda: found(tools.java))),
            (s3, (lambda: _refuse_uncached(MINIO),)),
            (postgres, (lambda: refuse_unreachable(home),)),
        )
        if wanted
        for check in checks
        for line in _refused(check)
    ]
    if lines:
        raise CannotStart(*lines)


def _refused(check: Callable[[], object]) -> Iterator[str]:
    try:
        check()
    except CannotStart as refusal:
        yield from str(refusal).splitlines()


def _refuse_uncached(entry: str) -> None:
    if not (cache() / entry).exists():
        raise CannotStart(f"{cache() / entry} is missing: `make run` makes it")
